"""Figures from a run's requests. Pure; times are seconds since the load's start."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from ha_setup.drill.schedule import Action
from ha_setup.drill.trace import Outcome


def longest_gap(moments: Iterable[float], start: float, end: float) -> float:
    """The longest time without any of `moments` from `start` to `end`; the borders count, so that an
    outage which never ended is seen at its full length."""
    inside = sorted(moment for moment in moments if start <= moment)
    edges = [start, *inside, max(end, inside[-1]) if inside else end]
    return max((later - earlier for earlier, later in itertools.pairwise(edges)), default=0.0)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value with at least `share` of all values at or below it; 0 of nothing."""
    if not 0 < share <= 1:
        raise ValueError("share should be above 0 and at most 1")
    if not values:
        return 0.0
    return sorted(values)[math.ceil(share * len(values)) - 1]


def failures_by_kind(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Counts, the most frequent first."""
    return dict(
        Counter(
            outcome.verdict.kind for outcome in outcomes if not outcome.verdict.ok
        ).most_common()
    )


def good_writes(outcomes: Iterable[Outcome]) -> list[float]:
    """When writes were acknowledged."""
    return sorted(o.finished_at for o in outcomes if o.verdict.ok and o.planned.action.writes)


def good_reads(outcomes: Iterable[Outcome]) -> list[float]:
    """When reads of records were answered."""
    return sorted(
        o.finished_at for o in outcomes if o.verdict.ok and o.planned.action is Action.READ
    )


def first_ack_after(outcomes: Iterable[Outcome], moment: float) -> float | None:
    """When the first write was acknowledged that completed after `moment`."""
    return min((at for at in good_writes(outcomes) if at > moment), default=None)
