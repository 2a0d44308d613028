"""An actor brings one server (a balancer, a pooler) in line with what is published.

Level-triggered: it is told what holds, not what happened, and compares that with what it finds
at its server each time, so a missed change, a restart of either side or a second sidecar at
work on the same server costs nothing.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass

import structlog

from ..cluster import Primary, Source
from ..errors import ActorError
from ..transitions import Phase

_log = structlog.get_logger("ha_sidecar.actors")


@dataclass(frozen=True)
class Published:
    """What actors act on. ``draining``: ``switching``, but open transactions may still end well on the
    primary, and need all that they needed before.

    ``source`` SQL: the election can't be followed, only the primary known so far was proven.
    """

    phase: Phase
    primary: Primary | None
    epoch: int
    draining: bool = False
    source: Source = Source.ETCD


class Actor(threading.Thread, ABC):
    """One thread for one server. ``act`` runs at each change and every ``interval`` seconds.

    Nothing the actor does, or fails to do, delays the driver; every wait in ``act`` has to be
    bounded all the same, or the actor would never come back to what holds now.
    """

    def __init__(self, name: str, *, interval: float) -> None:
        super().__init__(name=name, daemon=True)
        self._interval = interval
        self._published: Published | None = None
        self._rung = threading.Event()
        self._ending = False
        self._failing: str | None = None
        #: How often ``act`` did something, found nothing to do, failed.
        self.results: Counter[str] = Counter()

    @abstractmethod
    def act(self, published: Published) -> bool:
        """Compare and mend; return whether anything had to be done.

        Raises ActorError when the server can't be asked or refuses.
        """

    def leave(self) -> None:
        """Called once at the end, in the actor's thread: undo what must not stay, close links."""

    def aim(self, published: Published) -> None:
        """Say what holds now. For the driver, at each round; never waits."""
        if published != self._published:
            self._published = published
            self._rung.set()

    def overtaken(self, published: Published) -> bool:
        """Tell whether something else than ``published`` holds by now, or the end has come."""
        return self._ending or published != self._published

    def end(self) -> None:
        """Ask the thread to end; ``join`` it with a timeout."""
        self._ending = True
        self._rung.set()

    def run(self) -> None:
        while not self._ending:
            self._rung.wait(self._interval)
            self._rung.clear()
            if not self._ending and self._published is not None:
                self._attempt(self._published)
        self.leave()

    def _attempt(self, published: Published) -> None:
        try:
            acted = self.act(published)
        except ActorError as error:
            self._failed(str(error))
        except Exception as error:
            # A defect here is no reason to stop publishing.
            self._failed(repr(error), exc_info=True)
        else:
            self.results["changed" if acted else "unchanged"] += 1
            if self._failing is not None:
                self._failing = None
                _log.info("actor works again", actor=self.name)

    def _failed(self, why: str, *, exc_info: bool = False) -> None:
        self.results["failed"] += 1
        if why != self._failing:
            _log.error("actor failed; trying on", actor=self.name, error=why, exc_info=exc_info)
        self._failing = why
