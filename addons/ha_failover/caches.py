"""Caches that may hold what a former primary said, and the proof that some of them don't. Pure.

Odoo's signaling compares sequences. After a failover that lost transactions they may be equal though
the data is not. So each process clears its own caches, once per registry and change. What is dear to
fill again (the assets of a page: a tenth of a second of CPU in each process, when all users return
at once) stays where nothing in it can have been lost:

- Its content was read before some moment, and so was committed before the WAL's position at that moment.
- On the same timeline the new primary had replayed more than that before it was promoted.

Invariant: what stays was committed on the new primary too, and so were the sequences it is compared by.
"""

from dataclasses import dataclass
from typing import Any

#: Dear to fill, seldom changed. The others are cleared always.
LASTING = ("assets", "stable", "templates", "routing")

_generation = 0
_move: "Move | None" = None


@dataclass(frozen=True)
class Move:
    """The primary's change from timeline ``left`` to ``entered``.

    :param replayed: WAL position (bytes) up to which the new primary had replayed ``left``
    """

    left: int
    entered: int
    replayed: int


@dataclass(frozen=True)
class Bound:
    """All that was cached was committed before WAL position ``lsn`` (bytes), on each of ``timelines``."""

    lsn: int
    timelines: frozenset[int]

    def after(self, move: Move | None) -> "Bound | None":
        """The same on the new timeline; None when it may have been lost."""
        if move is None or move.left not in self.timelines or self.lsn > move.replayed:
            return None
        return Bound(self.lsn, self.timelines | {move.entered})


def distrust(move: Move | None = None) -> None:
    """What was read until now may never have been, on the present primary.

    :param move: how the primary changed, where that is known
    """
    global _generation, _move  # noqa: PLW0603 (one per process is the point)
    _move = move or _move
    _generation += 1


def last_move() -> Move | None:
    """How this process's primary changed last, as far as it is known."""
    return _move


def generation() -> int:
    """Rises with each distrust."""
    return _generation


def replayed(document: dict[str, Any], timeline: int) -> dict[str, int]:
    """The WAL position (bytes) that each replica of a topology document has replayed on ``timeline``."""
    found = {}
    for replica in document.get("replicas") or ():
        if replica.get("timeline") == timeline and replica.get("replay_lsn"):
            found[str(replica["name"])] = position(replica["replay_lsn"])
    return found


def position(lsn: str) -> int:
    """PostgreSQL's ``16/B374D848`` in bytes. Raises ValueError."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)
