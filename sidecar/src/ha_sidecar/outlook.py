"""What a failover now would mean: who could take over, and what would be lost. Pure.

===========================  =====================================================  ===========
replication                  candidates                                             data_loss
===========================  =====================================================  ===========
any                          none                                                   no failover
synchronous_mode             the synchronous ones that stream                       none
asynchronous                 level with the primary at the last look                possible
asynchronous                 the least far behind by ``loss_bytes``                 likely
asynchronous                 nobody knows how far behind                            unknown
===========================  =====================================================  ===========

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
    """One replica. ``lag_bytes`` None: it isn't known."""

    name: str
    timeline: int | None
    streams: bool
    synchronous: bool
    barred: bool
    lag_bytes: int | None


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
    fit.sort(key=lambda each: (each.lag_bytes is None, each.lag_bytes or 0, each.name))
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
    behind = fit[0].lag_bytes
    if behind is None:
        return DataLoss.UNKNOWN, None
    return (DataLoss.LIKELY if behind else DataLoss.POSSIBLE), behind
