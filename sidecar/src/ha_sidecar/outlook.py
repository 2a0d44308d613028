"""What a failover now would mean: who could take over, and what would be lost. Pure.

===========================  =====================================================  ===========
replication                  candidates                                             data_loss
===========================  =====================================================  ===========
any                          none                                                   no failover
synchronous_mode             the synchronous ones that stream                       none
asynchronous                 had all of the primary's WAL at the last look          possible
asynchronous                 the fittest lacks ``loss_bytes`` of it                 likely
asynchronous                 nobody knows what it lacks                             unknown
===========================  =====================================================  ===========

WAL that a replica has but did not replay yet is not lost: it replays it before it is promoted.

A candidate is a replica on the primary's timeline that streams and that Patroni may promote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class DataLoss(StrEnum):
    """Of writes that were acknowledged."""

    NONE = "none"
    POSSIBLE = "possible"
    LIKELY = "likely"
    UNKNOWN = "unknown"
    NO_FAILOVER = "no failover"


@dataclass(frozen=True)
class Replica:
    """One replica. ``missing_bytes``: of the primary's WAL, what isn't on its disk; None: unknown."""

    name: str
    timeline: int | None
    streams: bool
    synchronous: bool
    barred: bool
    missing_bytes: int | None


def is_candidate(replica: Replica, timeline: int, *, synchronous: bool) -> bool:
    """Tell whether Patroni would promote it; ``synchronous`` is the cluster's mode."""
    return (
        replica.streams
        and not replica.barred
        # Patroni tells no timeline of a replica that it can't ask just now.
        and replica.timeline in (timeline, None)
        and (replica.synchronous or not synchronous)
    )


def outlook(replicas: Sequence[Replica], timeline: int, *, synchronous: bool) -> dict[str, Any]:
    """Return the document's ``failover``: candidates, the fittest first, and what would be lost."""
    fit = [each for each in replicas if is_candidate(each, timeline, synchronous=synchronous)]
    fit.sort(key=lambda each: (each.missing_bytes is None, each.missing_bytes or 0, each.name))
    loss, size = _loss(fit, synchronous=synchronous)
    return {
        "candidates": [each.name for each in fit],
        "data_loss": str(loss),
        "loss_bytes": size,
    }


def _loss(fit: Sequence[Replica], *, synchronous: bool) -> tuple[DataLoss, int | None]:
    if not fit:
        return DataLoss.NO_FAILOVER, None
    if synchronous:
        return DataLoss.NONE, 0
    behind = fit[0].missing_bytes
    if behind is None:
        return DataLoss.UNKNOWN, None
    return (DataLoss.LIKELY if behind else DataLoss.POSSIBLE), behind
