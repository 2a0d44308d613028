"""What a fault is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ha_setup.cluster import Cluster
from ha_setup.drill.promotion import Seen, Spell


def nothing() -> None:
    """Healing starts what is down; there is nothing to undo."""


def no_more() -> None:
    """All of the fault has happened."""


@dataclass(frozen=True)
class Scene:
    """The cluster under load, at the moment of the fault. Moments are those of time.monotonic().

    `primary`: the PostgreSQL primary's name. `number`: the run's, from 0; a fault with variants takes the
    next one in each run. `promoted`: the first promotion after a moment, once the prober saw it.
    `seen`: what a PostgreSQL node answered last. `note`: writes a line into the run's record.
    """

    cluster: Cluster
    primary: str
    number: int
    promoted: Callable[[float], Spell | None]
    seen: Callable[[str], Seen | None]
    note: Callable[[str], None]


@dataclass(frozen=True)
class Injected:
    """A fault that was injected, its first blow dealt `at` (time.monotonic).

    `undo`: what must be done before the cluster can heal; callable at any moment, once. `pending`: what of
    the fault is still to come, in words; None once all of it happened. `last_blow`: when the latest blow
    was dealt that takes a primary away: only what was promoted after it can last.
    """

    at: float
    undo: Callable[[], None] = nothing
    pending: Callable[[], str | None] = no_more
    last_blow: Callable[[], float] | None = None

    @property
    def latest(self) -> float:
        return self.at if self.last_blow is None else self.last_blow()
