"""What the keeper knows beyond the leases, for those who show or judge it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

#: Seconds between two looks at a database's jobs.
EVERY = 60.0
#: The same when a pool was found that nobody serves: a node may be just about to.
SOON = 10.0
#: A job that is due for longer than this (seconds) is late. The cron processes poll each minute.
LATE = 300.0
#: So many troubles are named, the others counted.
_NAMED = 20

_UNSERVED = (
    "no live node serves the pool %s, so its %d scheduled actions don't run: "
    "put %s into cron_pools of a node"
)
_EMPTY = "cron_pools names %s, but no active scheduled action is in that pool"

#: Each pool of a database: active jobs in it, how many of them are late, whether a node leads it
#: and whether it is paused.
QUERY = """
SELECT COALESCE(job.job_pool, 'main'), count(*)::int,
       count(*) FILTER (
           WHERE job.nextcall < now() AT TIME ZONE 'UTC' - %(late)s * interval '1 second')::int,
       COALESCE(bool_or(lease.expires_at > clock_timestamp() AT TIME ZONE 'UTC'), false),
       COALESCE(bool_or(lease.paused), false)
  FROM ir_cron AS job
  LEFT JOIN ha_cron_lease AS lease ON lease.job_pool = COALESCE(job.job_pool, 'main')
 WHERE job.active
 GROUP BY 1
"""


@dataclass(frozen=True)
class Look:
    """One pool of one database, as ``QUERY`` found it."""

    jobs: int
    late: int
    served: bool
    paused: bool


@dataclass
class Summary:
    """What a node's keeper would say of itself."""

    node_id: str
    pools: tuple[str, ...]
    name_taken: bool = False
    changes: int = 0
    _looks: dict[str, dict[str, Look]] = field(default_factory=dict)
    _leads: dict[str, int] = field(default_factory=dict)
    _before: dict[str, set[str]] = field(default_factory=dict)
    _warned: dict[str, set[str]] = field(default_factory=dict)
    _said: dict[str, Any] = field(default_factory=dict)

    def turned(self, database: str, leads: Iterable[str]) -> None:
        """The keeper had a turn in ``database`` and leads these pools of it."""
        self._leads[database] = len(list(leads))

    def changed(self) -> None:
        """A lease was gained or lost."""
        self.changes += 1

    def forget(self, database: str) -> None:
        """The database is gone."""
        self._leads.pop(database, None)
        self._looks.pop(database, None)

    def look(self, database: str, rows: Iterable[tuple[str, int, int, bool, bool]]) -> list[str]:
        """Take in the rows of ``QUERY``; return the pools that no node serves."""
        self._looks[database] = {pool: Look(*values) for pool, *values in rows}
        return [pool for pool, look in self._looks[database].items() if not look.served]

    def warnings(self, database: str) -> list[str]:
        """What is wrong with the pools of a database, each once for as long as it is so.

        A pool must be without a node in two looks: one may be just about to serve it.
        """
        looks = self._looks[database]
        unserved = {pool: look.jobs for pool, look in looks.items() if not look.served}
        empty = {pool for pool in self.pools if pool not in looks}
        before, warned = self._before.get(database, set()), self._warned.get(database, set())
        found = {f"unserved {pool}": _UNSERVED % (pool, jobs, pool)
                 for pool, jobs in unserved.items() if pool in before}  # fmt: skip
        found |= {f"empty {pool}": _EMPTY % pool for pool in empty if pool != "main"}
        self._before[database], self._warned[database] = set(unserved), set(found)
        return [text for what, text in found.items() if what not in warned]

    def report(self) -> dict[str, Any]:
        """JSON: what is well and what isn't."""
        found = [
            (database, pool, look)
            for database, pools in sorted(self._looks.items())
            for pool, look in sorted(pools.items())
        ]
        unserved = [
            f"{database}: {pool}" for database, pool, look in found if not look.served and look.jobs
        ]
        in_use = {pool for _, pool, _ in found}
        return {
            "node_id": self.node_id,
            "pools": list(self.pools),
            "leads": sum(self._leads.values()),
            "databases": len(self._leads),
            "late_jobs": sum(look.late for _, _, look in found),
            "paused": [f"{database}: {pool}" for database, pool, look in found if look.paused][
                :_NAMED
            ],
            "unserved": unserved[:_NAMED],
            "unserved_count": len(unserved),
            "pools_without_jobs": [
                pool for pool in self.pools if self._looks and pool not in in_use
            ],
            "node_id_taken": self.name_taken,
            "changes": self.changes,
        }

    def news(self) -> dict[str, Any] | None:
        """The report when it isn't the one given last."""
        report = self.report()
        if report == self._said:
            return None
        self._said = report
        return report
