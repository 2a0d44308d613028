"""What this process saw of its session store, for those who show or judge it.

``session_store()`` is flat: ``state`` and numbers, all of which only grow while the process lives.

- ``hits``, ``misses``: sessions found in Redis, and not found there
- ``operations``, ``seconds``: what Redis answered and how long that took; ``slow_operations``: those that
  took longer than ``SLOW``; ``errors``: attempts that failed
- ``degraded_seconds``: how long this process has done without Redis, up to now
- ``fallback_reads``, ``fallback_writes``: sessions read from, documents and ends written to PostgreSQL
  meanwhile; ``adopted``: sessions that Redis took over from PostgreSQL or from files

``latencies()`` has the same ``operations`` and ``seconds`` apart, by what was done (``read``, ``save``,
``rotate``, ``end``, ``revoke``, ...), with a histogram over ``BOUNDS``.

Nothing here asks Redis or waits. Approximate: counted without a lock.
"""

import time
from bisect import bisect_left
from dataclasses import dataclass, field, fields
from typing import Any

#: Seconds; upper ends of the histogram's buckets, the last bucket has none.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
#: Seconds after which an operation counts as slow.
SLOW = 0.025
_FIRST_SLOW = BOUNDS.index(SLOW) + 1


@dataclass
class Latency:
    """How long one kind of operation took. ``buckets[i]``: those of at most ``BOUNDS[i]`` seconds
    that no smaller bucket has."""

    operations: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))


@dataclass
class Counters:
    """Since the process began; see the module."""

    hits: int = 0
    misses: int = 0
    errors: int = 0
    fallback_reads: int = 0
    fallback_writes: int = 0
    adopted: int = 0
    #: Of outages that are over.
    degraded_seconds: float = 0.0
    latencies: dict[str, Latency] = field(default_factory=dict)

    def answered(self, name: str, seconds: float) -> None:
        """Redis answered one operation."""
        latency = self.latencies.get(name)
        if latency is None:
            latency = self.latencies.setdefault(name, Latency())
        latency.operations += 1
        latency.seconds += seconds
        latency.buckets[bisect_left(BOUNDS, seconds)] += 1


counters = Counters()


def latencies() -> dict[str, Latency]:
    """By the name of the operation; only those that this process has done."""
    return dict(counters.latencies)


def session_store() -> dict[str, Any]:
    """The counters, and ``state``: closed, waiting, open (PostgreSQL instead), returning or none."""
    from odoo import http  # noqa: PLC0415

    connection = getattr(http.root.session_store, "connection", None)
    counted = {one.name: getattr(counters, one.name) for one in fields(counters)}
    taken = list(counted.pop("latencies").values())
    counted["operations"] = sum(latency.operations for latency in taken)
    counted["seconds"] = sum(latency.seconds for latency in taken)
    counted["slow_operations"] = sum(sum(latency.buckets[_FIRST_SLOW:]) for latency in taken)
    if connection is None:
        return {"state": "none", **counted}
    breaker = connection.breaker
    if breaker.since is not None:
        counted["degraded_seconds"] += time.monotonic() - breaker.since
    return {"state": breaker.state.name.lower(), **counted}
