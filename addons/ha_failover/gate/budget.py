"""How long the present thread may still wait for a database, and who is waiting."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..counters import counters
from ..errors import HoldLimitReached
from .slots import slots

_local = threading.local()
_held_lock = threading.Lock()
_held: dict[int, int] = {}  # thread → depth; a dict, so that nested holds count once


@dataclass
class Budget:
    """What a thread may still wait for a database.

    Only waiting uses it up, so that work that takes long by itself has all of it when a failover
    meets it. From :meth:`begin` on time does: what the work does then, it does again.
    """

    left: float
    outer: "Budget | None"
    #: a forked child inherits none: Odoo's master forks its workers from within a budget of zero
    pid: int
    _ends_at: float | None = None

    def begin(self) -> float:
        """The wait begins, if it has not begun before; return the moment (monotonic) it ends."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + self.remaining()
        return self._ends_at

    def remaining(self) -> float:
        """Seconds, zero or more; an outer, smaller budget stays in force."""
        if self._ends_at is not None:
            return max(0.0, self._ends_at - time.monotonic())
        return self.left if self.outer is None else min(self.left, self.outer.remaining())

    def spend(self, seconds: float) -> None:
        """So long was waited."""
        self.left = max(0.0, self.left - seconds)
        if self.outer is not None:
            self.outer.spend(seconds)


@contextmanager
def budget(seconds: float) -> Iterator[Budget]:
    """Bound all waits inside to ``seconds`` together."""
    before = _current()
    mine = _local.budget = Budget(seconds, before, os.getpid())
    try:
        yield mine
    finally:
        _local.budget = before


def _current() -> Budget | None:
    found: Budget | None = getattr(_local, "budget", None)
    return found if found is not None and found.pid == os.getpid() else None


def remaining(default: float) -> float:
    """Seconds that this thread may still wait; ``default`` where no budget was set."""
    found = _current()
    return default if found is None else found.remaining()


def spend(seconds: float) -> None:
    """This thread has waited so long."""
    found = _current()
    if found is not None:
        found.spend(seconds)


@contextmanager
def held(limit: int | None = None) -> Iterator[None]:
    """Count the present thread as waiting for the database.

    :param limit: it is a request, of which only so many of this node may wait at once
    :raises HoldLimitReached: so many wait already
    """
    me = threading.get_ident()
    slot = None
    if limit is not None:
        slot = slots().take(limit)
        if slot is None:
            raise HoldLimitReached(f"{limit} requests of this node wait already (hold_limit)")
    with _held_lock:
        _held[me] = _held.get(me, 0) + 1
    began = time.monotonic()
    try:
        yield
    finally:
        if slot is not None:
            slots().give(slot)
            counters.held += 1
            counters.held_seconds += time.monotonic() - began
        with _held_lock:
            _held[me] -= 1
            if not _held[me]:
                del _held[me]


def held_count() -> int:
    """Threads of this process that wait for the database now."""
    return len(_held)
