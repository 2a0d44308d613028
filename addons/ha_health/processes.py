"""What one process counts, brought over into prometheus-client's files."""

from dataclasses import asdict
from typing import Any

from odoo import http, sql_db
from prometheus_client import CollectorRegistry, Counter, Gauge

from .facts import attachments, failover, sessions

_FAILOVER = {
    "held": ("requests_held", "Requests that waited for a database."),
    "held_seconds": ("requests_held_seconds", "Seconds that they waited."),
    "replayed": ("requests_replayed", "Requests run again because their connection was lost."),
    "resolved": ("commits_resolved", "COMMITs without an answer whose outcome was found out."),
    "unanswered": ("requests_unanswered", "Requests that failed for good because of an outage."),
}
_SESSIONS = {
    "hits": ("sessions_hits", "Sessions found in Redis."),
    "misses": ("sessions_misses", "Sessions not found in Redis."),
    "operations": ("sessions_operations", "Operations that Redis answered."),
    "seconds": ("sessions_operations_seconds", "Seconds that these took."),
    "errors": ("sessions_errors", "Attempts that failed."),
    "fallback_reads": ("sessions_fallback_reads", "Sessions read from PostgreSQL instead."),
    "fallback_writes": ("sessions_fallback_writes", "Sessions written to PostgreSQL instead."),
    "adopted": ("sessions_adopted", "Sessions that Redis took over."),
    "slow_operations": ("sessions_slow_operations", "Operations that took Redis long."),
    "degraded_seconds": ("sessions_degraded_seconds", "Seconds without Redis."),
}
_ATTACHMENTS = {
    "operations": ("s3_operations", "Operations that S3 answered."),
    "seconds": ("s3_operations_seconds", "Seconds that these took."),
    "errors": ("s3_errors", "Operations that failed."),
    "unsent": ("s3_unsent", "Operations not sent because S3 is away."),
}


class Report:
    """The metrics of one process; made after the fork."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._brought: dict[str, float] = {}
        self._counters = {
            name: Counter(f"odoo_ha_{name}", about, registry=self._registry)
            for group in (_FAILOVER, _SESSIONS, _ATTACHMENTS)
            for name, about in group.values()
        }
        self._pool = Gauge(
            "odoo_ha_pool_connections",
            "Connections of Odoo's pools, all processes together.",
            ["pool"],
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._degraded = Gauge(
            "odoo_ha_sessions_degraded_processes",
            "Processes that do without Redis now.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._s3_away = Gauge(
            "odoo_ha_s3_away_processes",
            "Processes to which S3, or its replica, is away now.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._processes = Gauge(
            "odoo_ha_processes",
            "Processes that report.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def bring_over(self) -> None:
        """Write the present counts."""
        self._processes.set(1)
        if failover is not None:
            self._count(_FAILOVER, asdict(failover.counted()))
        # It is made at its first use, by a request.
        if sessions is not None and "session_store" in vars(http.root):
            counted = sessions.session_store()
            state = counted.pop("state")
            self._degraded.set(state not in ("none", "closed"))
            self._count(_SESSIONS, counted)
        if attachments is not None:
            counted = attachments.object_store()
            self._s3_away.set(counted["away"] > 0)
            self._count(_ATTACHMENTS, counted)
        for name, pool in (("primary", sql_db._Pool), ("replica", sql_db._Pool_readonly)):
            if pool is not None:
                self._pool.labels(name).set(len(pool._connections))

    def _count(self, names: dict[str, tuple[str, str]], counted: dict[str, Any]) -> None:
        for key, (name, _about) in names.items():
            value = counted[key]
            self._counters[name].inc(max(0.0, value - self._brought.get(name, 0.0)))
            self._brought[name] = value
