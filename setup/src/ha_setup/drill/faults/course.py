"""The later blows of a fault: dealt from a thread, each when its moment has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ha_setup.errors import ClusterError

_POLL = 0.005
_END_LIMIT = 30.0
T = TypeVar("T")


class CutShort(Exception):
    """The run ended before the fault had."""


class Course:
    """Runs `steps` in a thread. They wait through this object, so that they end with the run."""

    def __init__(self, steps: Callable[[Course], None]) -> None:
        self._steps = steps
        self._over = threading.Event()
        self._waiting_for: str | None = "the fault's next step"
        self._problem: ClusterError | None = None
        self._thread = threading.Thread(target=self._run, name="fault", daemon=True)

    def start(self) -> Course:
        self._thread.start()
        return self

    def pending(self) -> str | None:
        """What is still to come, in words. A step whose condition never came stays pending for good."""
        return self._waiting_for

    def end(self) -> None:
        """End the thread; raises the ClusterError that it met."""
        self._over.set()
        self._thread.join(_END_LIMIT)
        if self._problem is not None:
            raise self._problem

    def wait_for(self, condition: Callable[[], T | None], *, within: float, what: str) -> T:
        """Ask every 5 ms until the answer is something; after `within` seconds it stays pending."""
        self._waiting_for = what
        deadline = time.monotonic() + within
        while (answer := condition()) is None:
            if time.monotonic() > deadline or self._over.wait(_POLL):
                raise CutShort
        return answer

    def pause(self, seconds: float, what: str) -> None:
        """Let the load go on for so long."""
        self._waiting_for = what
        if self._over.wait(seconds):
            raise CutShort

    def _run(self) -> None:
        try:
            self._steps(self)
            self._waiting_for = None
        except CutShort:
            pass
        except ClusterError as problem:
            self._problem = problem
