"""What the processes of one node share: who they are, and which jobs run in them.

Stock Odoo knows that a job runs by a row lock, which is gone with the session that holds it. All
cron processes of a node run jobs under one lease, so among them something else must know.

It is made before the fork, by ``activate``. The lock on a running job is a POSIX lock on one byte
of a nameless file: the kernel drops it with the process, however that ends.
"""

import fcntl
import os
import secrets
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import AlreadyRunning


class Node:
    """The identity under which this node holds leases, and its running jobs."""

    def __init__(self, name: str) -> None:
        # A restarted node is another holder: jobs of its former life may still be running.
        self.holder = f"{name}/{secrets.token_hex(4)}"
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (lives with the process)
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_APPEND)  # for the names in it
        self._lock = threading.Lock()
        self._mine: set[int] = set()

    def close(self) -> None:
        """Drop what the node's processes share; for tests, a server keeps it to its end."""
        self._file.close()

    def is_running(self, database: str, job_id: int) -> bool:
        """Does the job run in any process of this node?"""
        place = _place(database, job_id)
        with self._lock:
            if place in self._mine:
                return True
            if self._try(place):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
                return False
            return True

    @contextmanager
    def running(self, database: str, job_id: int) -> Iterator[None]:
        """The job runs inside.

        :raises AlreadyRunning: it runs already
        """
        place = _place(database, job_id)
        with self._lock:
            if place in self._mine or not self._try(place):
                raise AlreadyRunning(f"job {job_id} of {database} still runs on {self.holder}")
            self._mine.add(place)
        try:
            yield
        finally:
            with self._lock:
                self._mine.discard(place)
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)

    @property
    def idle(self) -> bool:
        """Does no job run in this process?"""
        return not self._mine

    def note_led(self, database: str) -> None:
        """This node was granted the lease of ``database``."""
        if database not in self.led():
            os.write(self._file.fileno(), f"{database}\n".encode())

    def led(self) -> tuple[str, ...]:
        """The databases that some process of this node was granted the lease of."""
        descriptor = self._file.fileno()
        text = os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")
        return tuple(dict.fromkeys(text.split("\n")[:-1]))

    def _try(self, place: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True


def _place(database: str, job_id: int) -> int:
    """The byte that stands for a job: beyond anything ever written to the file."""
    return (1 << 62) | (zlib.crc32(database.encode()) & 0x3FFFFFFF) << 31 | job_id
