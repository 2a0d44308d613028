"""Whether the acknowledged writes that are gone lie beyond the point where the new timeline began. Pure.

Without synchronous replication a crash may take the end of the WAL, and nothing before it. Two things
contradict that: where the WAL was when the lost write was acknowledged, and a write that began later and
was kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# Seconds: an answer may reach its client so long after the server's WAL was last looked at.
GRACE = 1.0


@dataclass(frozen=True)
class Position:
    """The WAL of a node that took writes was flushed up to `lsn` (bytes) on `timeline` some time after `at`
    (seconds since the load's start). What was acknowledged by `at` lies below `lsn`."""

    at: float
    timeline: int
    lsn: int


@dataclass(frozen=True)
class Write:
    """An acknowledged write: its request began no earlier than `began`, its answer came at `acknowledged`
    (seconds since the load's start)."""

    began: float
    acknowledged: float


def parse_history(text: str) -> dict[int, int]:
    """A timeline's history file: where each of its ancestors was left, as timeline → LSN in bytes."""
    switches = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0].isdigit():
            high, low = words[1].split("/")
            switches[int(words[0])] = (int(high, 16) << 32) + int(low, 16)
    return switches


def before_switch(
    acknowledged: Mapping[str, Write],
    lost: Iterable[str],
    positions: Sequence[Position],
    switches: Mapping[int, int],
) -> tuple[str, ...]:
    """Those of `lost` that no switch explains, sorted. `acknowledged`: every token that was, kept or lost."""
    lost = set(lost)
    by_timeline = {
        timeline: sorted((p for p in positions if p.timeline == timeline), key=lambda p: p.at)
        for timeline in switches
    }
    kept = _last_kept([w for token, w in acknowledged.items() if token not in lost], positions)
    return tuple(
        token
        for token in sorted(lost)
        if acknowledged[token].acknowledged < kept
        or not any(
            _may_lie_beyond(acknowledged[token].acknowledged, by_timeline[timeline], left_at)
            for timeline, left_at in switches.items()
        )
    )


def _last_kept(kept: Iterable[Write], positions: Sequence[Position]) -> float:
    """When the last kept write began that was surely written on the first timeline: what was acknowledged
    before that lies before it in the WAL. Minus infinity where there is none."""
    first = min((p.timeline for p in positions), default=0)
    alone = min((p.at for p in positions if p.timeline != first), default=math.inf) - GRACE
    until = min(alone, max((p.at for p in positions if p.timeline == first), default=-math.inf))
    return max((w.began for w in kept if w.acknowledged <= until), default=-math.inf)


def _may_lie_beyond(at: float, positions: Sequence[Position], left_at: int) -> bool:
    """Whether a write acknowledged then, on that timeline, can lie beyond the point where it was left."""
    upper = next((p for p in positions if p.at >= at), None)
    if upper is not None:
        # The timeline must have been in use by then at all.
        return positions[0].at <= at and upper.lsn > left_at
    # It ended with the server that it was acknowledged by, before anybody looked again.
    return bool(positions) and positions[-1].at >= at - GRACE
