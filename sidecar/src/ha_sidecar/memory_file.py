"""Keeps the decider's memory in ``state_dir``: epoch, system identifier, timeline, last primary."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from .cluster import Primary
from .errors import StateError
from .state import Memory

VERSION = 1


class MemoryFile:
    """One sidecar's memory. Entering takes the lock that keeps a second sidecar out.

    Raises StateError when the directory can't be used or the file can't be read.
    """

    def __init__(self, directory: Path, scope: str) -> None:
        self.path = directory / f"{scope.replace('/', '_')}.json"
        self.scope = scope
        self._lock: IO[str] | None = None

    def __enter__(self) -> MemoryFile:
        lock_path = self.path.with_suffix(".lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = lock_path.open("a")
        except OSError as error:
            raise StateError(
                f"state_dir: {self.path.parent} can't be written ({error.strerror}); it should be"
                " a directory that the sidecar's user owns"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StateError(
                f"state_dir: {lock_path} is locked by another ha-sidecar; each one needs"
                " a state_dir of its own"
            ) from None
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def load(self, published: Path | None = None) -> Memory:
        """Return what is remembered; an absent file is a first start.

        The epoch is at least that of the document at ``published``: should a write of the
        memory have failed once, the epoch rises all the same.
        """
        memory = self._read()
        return replace(memory, epoch=max(memory.epoch, _published_epoch(published, self.scope)))

    def _read(self) -> Memory:
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return Memory()
        except OSError as error:
            raise StateError(f"state_dir: {self.path}: {error.strerror}") from None
        try:
            data: dict[str, Any] = json.loads(text)
            primary = data["primary"]
            return Memory(
                epoch=int(data["epoch"]),
                system_identifier=data["system_identifier"],
                highest_timeline=int(data["highest_timeline"]),
                primary=Primary(**primary) if primary else None,
            )
        except (ValueError, KeyError, TypeError):
            raise StateError(
                f"state_dir: {self.path} is damaged; move it away and start again"
                " (the epoch then goes on from the topology document)"
            ) from None

    def try_out(self, memory: Memory) -> None:
        """Write ``memory`` once. Raises StateError when that can't be done."""
        try:
            self.save(memory)
        except OSError as error:
            raise StateError(
                f"state_dir: {self.path} can't be written ({error.strerror}); it should be in a"
                " directory that the sidecar's user owns"
            ) from None

    def save(self, memory: Memory) -> None:
        """Write ``memory`` so that it survives the process and the machine. Raises OSError."""
        data = {"version": VERSION, "scope": self.scope, **asdict(memory)}
        temporary = self.path.with_suffix(".new")
        with temporary.open("w") as file:
            json.dump(data, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)


def _published_epoch(path: Path | None, scope: str) -> int:
    try:
        data = json.loads(path.read_bytes()) if path else {}
        return int(data["epoch"]) if data.get("scope") == scope else 0
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0
