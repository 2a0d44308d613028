"""Reads the promotion out of what a prober saw of each PostgreSQL node. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Seen(StrEnum):
    """What a node answered when asked by SQL."""

    WRITABLE = "writable"
    READ_ONLY = "read-only"
    SILENT = "silent"


@dataclass
class Spell:
    """A node gave the same answer from `first` to `last` (seconds since the load's start)."""

    node: str
    seen: Seen
    first: float
    last: float


def note(spells: list[Spell], node: str, seen: Seen, at: float) -> None:
    """Add one observation to the node's own list of spells."""
    if spells and spells[-1].seen is seen:
        spells[-1].last = at
    else:
        spells.append(Spell(node, seen, at, at))


def promotion(spells: Iterable[Spell], fault_at: float) -> Spell | None:
    """The first spell of being writable that began after the fault: of a new primary, or of the old one
    when it had been away. A primary that was slow but never away began before the fault."""
    begun = [s for s in spells if s.seen is Seen.WRITABLE and s.first > fault_at]
    return min(begun, key=lambda spell: spell.first, default=None)


def last_writable(spells: Iterable[Spell], fault_at: float) -> float | None:
    """When a primary from before the fault last answered that it was writable."""
    return max(
        (s.last for s in spells if s.seen is Seen.WRITABLE and s.first <= fault_at), default=None
    )
