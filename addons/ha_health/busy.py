"""How many of this node's workers are busy: a small table in memory that its processes share.

The master makes it before the fork; the gevent process, which is started anew, finds it through the
master. A worker marks itself at the begin and the end of each request, without a system call. What a
worker that died left behind doesn't count.
"""

import fcntl
import mmap
import os
import struct
from contextlib import suppress

import odoo

_VARIABLE = "HA_HEALTH_BUSY"
#: A row: the process's id, and 1 while it is busy.
_ROW = struct.Struct("ii")
_ROWS = 512


class Busy:
    """The table, as one of the processes sees it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._table = mmap.mmap(descriptor, _ROWS * _ROW.size)
        self._pid = 0
        self._row: int | None = None

    def begin(self) -> None:
        """This worker has something to do."""
        if self._pid != os.getpid():
            self._claim()
        self._write(1)

    def end(self) -> None:
        """It has not any more."""
        self._write(0)

    def count(self) -> int:
        """The workers that are busy now, in all processes."""
        return sum(
            1 for _row, pid, busy in self._rows() if busy and pid != self._pid and is_alive(pid)
        )

    def _claim(self) -> None:
        """Take a row that is nobody's, once in a process's life."""
        with open(f"/proc/self/fd/{self._descriptor}", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            free = (row for row, pid, _busy in self._rows() if not pid or not is_alive(pid))
            self._pid, self._row = os.getpid(), next(free, None)
            self._write(0)

    def _write(self, busy: int) -> None:
        if self._row is not None:  # else there are more workers than rows
            _ROW.pack_into(self._table, self._row, self._pid, busy)

    def _rows(self) -> list[tuple[int, int, int]]:
        places = range(0, _ROWS * _ROW.size, _ROW.size)
        return [(place, *_ROW.unpack_from(self._table, place)) for place in places]


def share() -> Busy:
    """Make the node's table, before the fork; in the gevent process, find its master's."""
    if getattr(odoo, "evented", False) and _VARIABLE in os.environ:
        with suppress(OSError):  # the master is gone: this process soon is, too
            return Busy(os.open(os.environ[_VARIABLE], os.O_RDWR | os.O_CLOEXEC))
    descriptor = os.memfd_create("ha_health.busy")
    os.truncate(descriptor, _ROWS * _ROW.size)
    os.environ[_VARIABLE] = f"/proc/{os.getpid()}/fd/{descriptor}"
    return Busy(descriptor)


def is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")
