"""Contents from S3 on this node's disk: read again without S3, also while S3 is away.

One directory for all processes of the node. A file is named by the SHA-256 of its content and
verified on every read, so a damaged or foreign file costs a read from S3 and nothing else. Files
appear by renaming; the least recently used ones go when there are too many. No Odoo, no network.
"""

import fcntl
import hashlib
import logging
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_logger = logging.getLogger(__name__)

#: A content above this part of the cache is not kept: it would push too much else out.
LARGEST_PART = 8
#: A process looks whether too much is kept once it has added this part of the cache.
_LOOK_PART = 20
#: What is left, of the allowed size, when the least recently used files were removed.
_LEFT = 0.9
#: Seconds between two notes that a file was used.
_USED_AGAIN = 60.0
#: Seconds after which a file that was never finished is left over from a crash.
_LEFT_OVER = 3600.0


class Cache:
    """Safe to be used by many threads and processes at once. It never raises: a disk that fails
    makes it a cache that knows nothing, with one line in the log.

    :param size: bytes that are kept at most, give or take what is being added
    """

    def __init__(self, directory: Path, size: int) -> None:
        self._directory = directory
        self._size = size
        # The first addition of a process looks: what an earlier one left may be too much.
        self._added = size
        self._complained = False

    def find(self, sha256: str) -> bytes | None:
        """The content, or None where it isn't kept."""
        path = self._path(sha256)
        try:
            with path.open("rb") as file:
                content = file.read()
                used = os.fstat(file.fileno()).st_mtime
            if time.time() - used > _USED_AGAIN:
                os.utime(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(error)
            return None
        if hashlib.sha256(content).hexdigest() != sha256:
            _logger.warning("The cached copy %s is damaged and is removed", path)
            self.remove(sha256)
            return None
        return content

    def keep(self, sha256: str, content: bytes) -> None:
        """Keep it, unless it is too large."""
        path = self._path(sha256)
        if len(content) * LARGEST_PART > self._size or path.exists():
            return
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with open(handle, "wb") as file:
                    file.write(content)
                Path(name).replace(path)
            except BaseException:
                with suppress(OSError):
                    Path(name).unlink()
                raise
            self._added += len(content)
            if self._added * _LOOK_PART >= self._size:
                self._added = 0
                self._make_room()
        except OSError as error:
            self._complain(error)
        else:
            self._complained = False

    def remove(self, sha256: str) -> None:
        """Keep it no longer."""
        with suppress(OSError):
            self._path(sha256).unlink()

    def _path(self, sha256: str) -> Path:
        return self._directory / sha256[:2] / sha256

    def _make_room(self) -> None:
        with (self._directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # another process is at it
            found = []
            for part in self._directory.iterdir():
                if part.is_dir():
                    with os.scandir(part) as entries:
                        found += [_seen(entry) for entry in entries]
            kept = [item for item in found if item is not None]
            total = sum(size for _used, size, _path in kept)
            if total <= self._size:
                return
            for _used, size, path in sorted(kept):
                with suppress(OSError):
                    os.unlink(path)
                total -= size
                if total <= self._size * _LEFT:
                    break

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            _logger.error(
                "Contents from S3 can't be kept in %s (s3_cache_directory): %s",
                self._directory,
                error.strerror,
            )
        self._complained = True


def _seen(entry: os.DirEntry[str]) -> tuple[float, int, str] | None:
    """``(when it was used last, its size, its path)``; None when it is gone."""
    try:
        status = entry.stat()
        if entry.name.endswith(".part"):
            if time.time() - status.st_mtime > _LEFT_OVER:
                os.unlink(entry.path)
            return None
    except OSError:
        return None
    return status.st_mtime, status.st_size, entry.path
