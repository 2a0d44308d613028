"""How long the present thread may still wait for a database, and who is waiting."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_local = threading.local()
_held_lock = threading.Lock()
_held: dict[int, int] = {}  # thread → depth; a dict, so that nested holds count once


@contextmanager
def budget(seconds: float) -> Iterator[float]:
    """Bound every wait inside to ``seconds`` from now; an outer, shorter budget stays in force."""
    before: float | None = getattr(_local, "deadline", None)
    deadline = time.monotonic() + seconds
    _local.deadline = deadline if before is None else min(before, deadline)
    try:
        yield _local.deadline
    finally:
        _local.deadline = before


def deadline(default: float) -> float:
    """The moment (monotonic) at which this thread's waiting ends; ``default`` seconds from now
    where no budget was set."""
    found: float | None = getattr(_local, "deadline", None)
    return time.monotonic() + default if found is None else found


def remaining(default: float) -> float:
    """Seconds left to wait, zero or more."""
    return max(0.0, deadline(default) - time.monotonic())


@contextmanager
def held() -> Iterator[None]:
    """Count the present thread as waiting for the database."""
    me = threading.get_ident()
    with _held_lock:
        _held[me] = _held.get(me, 0) + 1
    try:
        yield
    finally:
        with _held_lock:
            _held[me] -= 1
            if not _held[me]:
                del _held[me]


def held_count() -> int:
    """Threads of this process that wait for the database now."""
    return len(_held)
