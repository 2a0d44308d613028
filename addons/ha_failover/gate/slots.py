"""How many requests of this *node* wait for a database: slots that all of its processes share.

A slot is a POSIX lock on one byte of a nameless file: the kernel frees it with the process that
has it, however that ends. The forked workers inherit the file; the gevent process, which is
started anew, finds it through the master.
"""

import fcntl
import logging
import os
import struct
import threading

import odoo

_logger = logging.getLogger(__name__)

#: Tells the gevent process where the file is.
_VARIABLE = "HA_FAILOVER_HOLD_SLOTS"
#: Linux's struct flock: type, whence, start, length, pid.
_FLOCK = struct.Struct("hhqqi4x")


class Slots:
    """The slots of one node, as one of its processes sees them."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._mine: set[int] = set()
        self._pid = os.getpid()

    def take(self, limit: int) -> int | None:
        """The number of a slot that is this caller's now; None when all ``limit`` are taken."""
        with self._lock:
            self._forget_parent()
            for number in range(limit):
                # A process's own locks never conflict with each other.
                if number in self._mine:
                    continue
                try:
                    fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                except OSError:
                    continue
                self._mine.add(number)
                return number
        return None

    def give(self, number: int) -> None:
        """Give a slot back."""
        with self._lock:
            self._mine.discard(number)
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, number)

    def taken(self, limit: int) -> int:
        """How many slots are taken, in all processes of the node."""
        with self._lock:
            self._forget_parent()
            return sum(number in self._mine or self._is_locked(number) for number in range(limit))

    def _is_locked(self, number: int) -> bool:
        question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, number, 1, 0)
        answer = fcntl.fcntl(self._descriptor, fcntl.F_GETLK, question)
        return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)

    def _forget_parent(self) -> None:
        """A forked child inherits no lock."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._mine.clear()


_slots: Slots | None = None


def share() -> None:
    """Make the node's slots, before the fork; in the gevent process, find its master's."""
    global _slots  # noqa: PLW0603 (one per process is the point)
    if getattr(odoo, "evented", False) and _VARIABLE in os.environ:
        try:
            _slots = Slots(os.open(os.environ[_VARIABLE], os.O_RDWR | os.O_CLOEXEC))
            return
        except OSError as error:
            _logger.warning("hold_limit counts the gevent process by itself: %s", error)
    descriptor = os.memfd_create("ha_failover.hold_slots")
    os.environ[_VARIABLE] = f"/proc/{os.getpid()}/fd/{descriptor}"
    _slots = Slots(descriptor)


def slots() -> Slots:
    """The slots of this node."""
    assert _slots is not None
    return _slots
