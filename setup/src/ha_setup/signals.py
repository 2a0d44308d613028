"""Being told to end: Ctrl-C, SIGTERM and a closed terminal all mean the same, once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible(at_once: Callable[[], None]) -> Iterator[None]:
    """While this lasts, each ending signal raises KeyboardInterrupt in the main thread.

    `at_once` is called first, in the handler. From the first signal on further ones are ignored,
    so that the cleaning up is not interrupted in turn.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        at_once()
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """While this lasts, the ending signals are ignored: for cleaning up."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
