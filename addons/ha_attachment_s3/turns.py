"""While S3 is slow, at most some of a node's workers wait for it: pages need the others.

The processes of a node tell each other by files. Each operation that took too long renews the time of
the file ``slow``, one that was quick removes it; while it is young, an operation needs one of the
numbered files for itself. A process that dies lets go of its file. No odoo, no S3.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_logger = logging.getLogger(__name__)

#: Seconds that S3 counts as slow after the last operation that was.
REMEMBERED = 10.0
#: Seconds to wait for a turn, and then to refuse without waiting.
PATIENCE = 0.5
_POLL = 0.02


class NoTurn(Exception):
    """S3 is slow, and as many workers as may wait for it do so already."""


class Turns:
    """Of one process with one service; safe for threads, which share their process's turn.

    :param directory: the same for all processes of the node; made when it is needed
    :param number: how many processes may wait for a slow S3 at a time; 0 for all
    :param slow: seconds from which an operation was slow
    """

    def __init__(self, directory: Path, number: int, slow: float) -> None:
        self._directory = directory
        self._number = number
        self._slow = slow
        self._lock = threading.Lock()
        self._inside = 0
        self._held: int | None = None
        self._refuse_until = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """:raises NoTurn: see there"""
        if not self._number:
            yield
            return
        limited = self._is_slow()
        if limited:
            self._enter()
        began = time.monotonic()
        answered = False
        try:
            yield
            answered = True
        finally:
            took = time.monotonic() - began
            if took >= self._slow:
                self._tell()
            if limited:
                if answered and took < self._slow / 4:
                    self._forget()
                self._leave()

    def _forget(self) -> None:
        """It answered soon: nobody need wait for a turn any more, until it is slow again."""
        with suppress(OSError):
            (self._directory / "slow").unlink()

    def _is_slow(self) -> bool:
        try:
            return time.time() - (self._directory / "slow").stat().st_mtime < REMEMBERED
        except OSError:
            return False

    def _tell(self) -> None:
        if not self._is_slow():
            _logger.warning(
                "S3 is slow: an operation took more than %.0f s (s3_slow). Until that changes, %d of "
                "this node's workers at a time may wait for it",
                self._slow,
                self._number,
            )
        with suppress(OSError):  # without the file nobody is limited
            self._directory.mkdir(parents=True, exist_ok=True)
            (self._directory / "slow").touch()

    def _enter(self) -> None:
        with self._lock:
            if not self._inside:
                self._held = self._one_of_the_files()
            self._inside += 1

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._held is not None:
                os.close(self._held)
                self._held = None

    def _one_of_the_files(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() >= self._refuse_until:
            for number in range(self._number):
                file = os.open(self._directory / str(number), os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return file
                except BlockingIOError:
                    os.close(file)
            if time.monotonic() >= deadline:
                # The other threads of this request need not wait as long again, one by one.
                self._refuse_until = time.monotonic() + PATIENCE
                break
            time.sleep(_POLL)
        raise NoTurn
