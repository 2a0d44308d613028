"""A run's timeline as rows of slots, each with the worst answer in it. Pure."""

from __future__ import annotations

from enum import IntEnum

from ha_setup.drill.schedule import Action
from ha_setup.drill.trace import Trace

SLOW = 1.0  # seconds
_ROWS = (
    ("writes", (Action.WRITE, Action.ATTACHMENT_WRITE)),
    ("reads", (Action.READ, Action.ATTACHMENT_READ)),
    ("pages", (Action.PAGE,)),
)


class Band(IntEnum):
    """How a slot of time went; higher is worse."""

    NONE = 0
    GOOD = 1
    SLOW = 2
    BAD = 3


def bands(trace: Trace, columns: int) -> list[tuple[str, list[Band]]]:
    """Three labelled rows of `columns` slots from the load's start to its end. A request belongs to the slot
    of its scheduled start; an empty slot stays NONE."""
    if columns < 1:
        raise ValueError("a timeline needs at least one column")
    rows = []
    for label, actions in _ROWS:
        row = [Band.NONE] * columns
        for outcome in trace.outcomes:
            if outcome.planned.action in actions:
                slot = min(columns - 1, int(outcome.planned.at / trace.ended_at * columns))
                band = (
                    Band.BAD
                    if outcome.verdict.kind
                    else Band.SLOW
                    if outcome.latency > SLOW
                    else Band.GOOD
                )
                row[slot] = max(row[slot], band)
        rows.append((label, row))
    return rows
