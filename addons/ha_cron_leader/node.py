"""What the processes of one node share: who they are, and which jobs run in them.

Stock Odoo knows that a job runs by a row lock, which is gone with the session that holds it. All
cron processes of a node run jobs under one lease, so among them something else must know.

It is made before the fork, by ``activate``. What runs is a POSIX lock on a byte of a nameless
file: the kernel drops it with the process, however that ends.
"""

import fcntl
import os
import secrets
import tempfile
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from .board import Board
from .errors import AlreadyRunning, LeaseLost

#: Bytes that stand for something, beyond anything ever written to the file.
_KEEPER = 1 << 62
_POOLS = 3 << 61
_JOBS = 5 << 60


class Node:
    """The identity under which this node holds leases, and its running jobs.

    :param name: the node's name
    :param pools: the pools it serves, the preferred one first
    :param drained: tells whether the node is being drained; quickly, for any process of the node
    """

    def __init__(
        self,
        name: str,
        pools: tuple[str, ...] = ("main",),
        drained: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self.pools = pools
        self._drained = drained
        # A restarted node is another holder: jobs of its former life may still be running.
        self.holder = f"{name}/{secrets.token_hex(4)}"
        self.board = Board()
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (lives with the process)
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_APPEND)  # for the names in it
        #: Wakes the keeper, whichever process it is in.
        self.wake_fd, self._waker = os.pipe()
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._waker, False)
        self._lock = threading.Lock()
        self._mine: set[int] = set()
        self._pools: Counter[int] = Counter()

    @property
    def leaves(self) -> bool:
        """Shall the node begin no job, and hand its pools over: it is about to end, or drained?"""
        return self.board.leaving or self._drained()

    def close(self) -> None:
        """Drop what the node's processes share; for tests, a server keeps it to its end."""
        self._file.close()
        self.board.close()
        os.close(self.wake_fd)
        os.close(self._waker)

    # -- the keeper

    def become_keeper(self) -> None:
        """Wait until no other process of the node has the keeper; from then on this one has."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _KEEPER)

    def no_keeper(self) -> None:
        """Let another process have the keeper."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _KEEPER)

    def wake_keeper(self, database: str = "") -> None:
        """Let the keeper look at ``database`` now."""
        with suppress(BlockingIOError):  # it has enough to do
            os.write(self._waker, f"{database}\n".encode())

    def woken_for(self) -> set[str]:
        """For the keeper: the databases it was woken for."""
        with suppress(BlockingIOError):
            return set(os.read(self.wake_fd, 1 << 16).decode(errors="replace").split("\n"))
        return set()

    def note_database(self, database: str) -> None:
        """The node runs jobs of ``database``."""
        if database not in self.databases():
            os.write(self._file.fileno(), f"{database}\n".encode())

    def databases(self) -> tuple[str, ...]:
        """The databases that some process of this node noted."""
        descriptor = self._file.fileno()
        text = os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")
        return tuple(dict.fromkeys(text.split("\n")[:-1]))

    # -- running jobs

    def is_running(self, database: str, job_id: int) -> bool:
        """Does the job run in any process of this node?"""
        place = _job(database, job_id)
        with self._lock:
            if place in self._mine:
                return True
            if self._try(place, fcntl.LOCK_EX):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
                return False
            return True

    @contextmanager
    def running(self, database: str, job_id: int, pool: str | None = None) -> Iterator[None]:
        """The job runs inside, under the lease of ``pool`` if there is one.

        :raises AlreadyRunning: it runs already
        :raises LeaseLost: the pool is just being handed over
        """
        place = _job(database, job_id)
        with self._lock:
            if place in self._mine or not self._try(place, fcntl.LOCK_EX):
                raise AlreadyRunning(f"job {job_id} of {database} still runs on {self.holder}")
            self._mine.add(place)
        try:
            with self._in_pool(database, pool):
                yield
        finally:
            with self._lock:
                self._mine.discard(place)
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)

    @contextmanager
    def _in_pool(self, database: str, pool: str | None) -> Iterator[None]:
        if pool is None:
            yield
            return
        place = _pool(database, pool)
        with self._lock:
            if not self._pools[place] and not self._try(place, fcntl.LOCK_SH):
                raise LeaseLost(f"pool {pool} of {database} is being handed over")
            self._pools[place] += 1
        try:
            yield
        finally:
            with self._lock:
                self._pools[place] -= 1
                if not self._pools[place]:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)

    @contextmanager
    def quiet(self, database: str, pool: str) -> Iterator[bool]:
        """Does no job of the pool run in this node? If so, none is started inside."""
        place = _pool(database, pool)
        with self._lock:
            found = not self._pools[place] and self._try(place, fcntl.LOCK_EX)
            try:
                yield found
            finally:
                if found:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)

    @property
    def idle(self) -> bool:
        """Does no job run in this process?"""
        return not self._mine

    def _try(self, place: int, how: int) -> bool:
        try:
            fcntl.lockf(self._file, how | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True


def _job(database: str, job_id: int) -> int:
    return _JOBS | (zlib.crc32(database.encode()) & 0x1FFFFFFF) << 31 | job_id


def _pool(database: str, pool: str) -> int:
    return _POOLS | zlib.crc32(f"{pool}\0{database}".encode())
