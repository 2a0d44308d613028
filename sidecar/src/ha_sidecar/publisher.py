"""Where the topology document goes: a file by atomic rename, and whoever follows it here."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from .errors import ConfigError


class Publisher:
    """Holds the latest document. ``publish`` is for the driver; the rest for any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self._news = threading.Condition()
        self._document: bytes | None = None
        self._number = 0
        self._closed = False

    def check(self) -> None:
        """Raise ConfigError when the document can't be written where it should be."""
        try:
            self._temporary.write_bytes(b"")
            self._temporary.unlink()
            if self.path.is_dir():
                raise IsADirectoryError(21, "it is a directory")
        except OSError as error:
            raise ConfigError(
                f"topology_path: {self.path} can't be written ({error.strerror}); it should be a file"
                " in a directory that exists and that the sidecar's user may write to"
            ) from None

    def publish(self, document: bytes) -> None:
        """Hand out ``document``. Followers get it even when the file raises OSError."""
        with self._news:
            self._document = document
            self._number += 1
            self._news.notify_all()
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with open(descriptor, "wb") as file:
            # Whatever the umask says: Odoo runs as another user.
            os.fchmod(descriptor, 0o644)
            file.write(document)
        self._temporary.replace(self.path)

    @property
    def document(self) -> bytes | None:
        return self._document

    def next_after(self, number: int, timeout: float) -> tuple[int, bytes | None]:
        """Wait for a document newer than ``number``: ``(its number, it)``, or None if none came.

        After ``close`` the number is -1.
        """
        with self._news:
            self._news.wait_for(lambda: self._closed or self._number > number, timeout)
            if self._closed:
                return -1, None
            return self._number, self._document if self._number > number else None

    def close(self) -> None:
        """Let the followers go. The file stays: it grows old and then counts as absent."""
        with self._news:
            self._closed = True
            self._news.notify_all()
