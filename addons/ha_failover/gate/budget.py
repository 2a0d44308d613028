"""How long the present thread may still wait for a database, and who is waiting."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import HoldLimitReached
from .slots import slots

_local = threading.local()
_held_lock = threading.Lock()
_held: dict[int, int] = {}  # thread → depth; a dict, so that nested holds count once


@contextmanager
def budget(seconds: float) -> Iterator[float]:
    """Bound every wait inside to ``seconds`` from now; an outer, shorter budget stays in force."""
    before = _set()
    mine = time.monotonic() + seconds
    if before is not None:
        mine = min(before, mine)
    _local.deadline = (os.getpid(), mine)
    try:
        yield mine
    finally:
        _local.deadline = None if before is None else (os.getpid(), before)


def _set() -> float | None:
    """The deadline in force. A forked child doesn't inherit it: Odoo's master forks its workers
    from within a budget of zero."""
    pid, found = getattr(_local, "deadline", None) or (None, None)
    return found if pid == os.getpid() else None


def deadline(default: float) -> float:
    """The moment (monotonic) at which this thread's waiting ends; ``default`` seconds from now
    where no budget was set."""
    found = _set()
    return time.monotonic() + default if found is None else found


def remaining(default: float) -> float:
    """Seconds left to wait, zero or more."""
    return max(0.0, deadline(default) - time.monotonic())


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
    try:
        yield
    finally:
        if slot is not None:
            slots().give(slot)
        with _held_lock:
            _held[me] -= 1
            if not _held[me]:
                del _held[me]


def held_count() -> int:
    """Threads of this process that wait for the database now."""
    return len(_held)
