"""Contents from S3 on this node's disk: read again without S3, also while S3 is away.

One directory for all processes of the node. A file is named by the SHA-256 of its content. A
process verifies a file when it writes it, or reads it first, when it has changed since, and each
hour, so a damaged or foreign file costs a read from S3 and nothing else. Files appear by renaming; the
least recently used ones go when there are too many. No Odoo, no network.
"""

import fcntl
import hashlib
import logging
import os
import tempfile
import time
from collections import OrderedDict
from contextlib import suppress
from io import BufferedReader
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
#: Seconds for which a file that has not changed counts as verified; how many are remembered.
_VERIFIED_FOR = 3600.0
_REMEMBERED = 20_000

#: What changes when somebody writes to a file or puts another one in its place.
_Identity = tuple[int, int, int]


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
        self._verified: OrderedDict[str, tuple[_Identity, float]] = OrderedDict()

    def find(self, sha256: str) -> bytes | None:
        """The content, or None where it isn't kept."""
        file = self._opened(sha256)
        if file is None:
            return None
        with file:
            try:
                content = file.read()
            except OSError as error:
                self._complain(error)
                return None
            return content if self._is_intact(sha256, file, content) else None

    def open(self, sha256: str) -> BufferedReader | None:
        """The content as a file that its caller closes, or None where it isn't kept."""
        file = self._opened(sha256)
        if file is None:
            return None
        if self._is_intact(sha256, file, None):
            return file
        file.close()
        return None

    def fits(self, size: int) -> bool:
        """Whether a content of this size is kept."""
        return size * LARGEST_PART <= self._size

    def keep(self, sha256: str, content: bytes) -> None:
        """Keep it, unless it is too large."""
        copy = self.begin(sha256, len(content))
        if copy:
            copy.write(content)
            copy.keep()

    def begin(self, sha256: str, size: int) -> "Copy | None":
        """A file for a content that is on its way; None where it is kept already, or too large."""
        path = self._path(sha256)
        if not self.fits(size) or path.exists():
            return None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Copy(self, path)
        except OSError as error:
            self._complain(error)
            return None

    def remove(self, sha256: str) -> None:
        """Keep it no longer."""
        self._verified.pop(sha256, None)
        with suppress(OSError):
            self._path(sha256).unlink()

    def _path(self, sha256: str) -> Path:
        return self._directory / sha256[:2] / sha256

    def _opened(self, sha256: str) -> BufferedReader | None:
        path = self._path(sha256)
        try:
            file = path.open("rb")
            # When it was used is its access time, which is set here and so needs no mount
            # option; its modification time tells whether it is the file that was verified.
            status = os.fstat(file.fileno())
            if time.time() - status.st_atime > _USED_AGAIN:
                os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
            return file
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(error)
            return None

    def _is_intact(self, sha256: str, file: BufferedReader, content: bytes | None) -> bool:
        """Verified, now or not long ago; else it is removed.

        :param content: what is in the file, where it was read
        """
        try:
            status = os.fstat(file.fileno())
            identity = _identity_of(status)
            known, until = self._verified.get(sha256, (None, 0.0))
            if known == identity and time.monotonic() < until:
                return content is None or len(content) == status.st_size
            if content is None:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
            else:
                found = hashlib.sha256(content).hexdigest()
        except OSError as error:
            self._complain(error)
            return False
        if found != sha256:
            _logger.warning("The cached copy %s is damaged and is removed", self._path(sha256))
            self.remove(sha256)
            return False
        self._remember(sha256, identity)
        return True

    def _remember(self, sha256: str, identity: _Identity) -> None:
        self._verified[sha256] = (identity, time.monotonic() + _VERIFIED_FOR)
        if len(self._verified) > _REMEMBERED:
            with suppress(KeyError):  # another thread was faster
                self._verified.popitem(last=False)

    def _finished(self, sha256: str, status: os.stat_result) -> None:
        """A file whose content this process verified and wrote is in its place."""
        self._complained = False
        self._remember(sha256, _identity_of(status))
        self._added += status.st_size
        if self._added * _LOOK_PART >= self._size:
            self._added = 0
            self._make_room()

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


class Copy:
    """A content that is being written; :meth:`keep` it, once it is verified, or nothing stays.

    :raises OSError: when it can't be begun
    """

    def __init__(self, cache: Cache, path: Path) -> None:
        self._cache = cache
        self._path = path
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        self._part = Path(name)
        self._file = os.fdopen(handle, "wb")
        self._failed = False

    def write(self, piece: bytes) -> None:  # pylint: disable=method-required-super
        """Add these bytes."""
        if not self._failed:
            try:
                self._file.write(piece)
            except OSError as error:
                self._cache._complain(error)
                self._failed = True

    def keep(self) -> None:
        """It is whole and verified."""
        try:
            self._file.flush()
            status = os.fstat(self._file.fileno())
            self._file.close()
            if not self._failed:
                self._part.replace(self._path)
                self._cache._finished(self._path.name, status)
        except OSError as error:
            self._cache._complain(error)
        self.discard()

    def discard(self) -> None:
        """Forget what was not kept."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink()


def _identity_of(status: os.stat_result) -> _Identity:
    return status.st_ino, status.st_size, status.st_mtime_ns


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
    return status.st_atime, status.st_size, entry.path
