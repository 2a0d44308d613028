"""What ``odoo-ha cron`` shows and does, in SQL."""

from typing import Any

from . import statements
from .facts import LATE

_POOLS = """
SELECT COALESCE(lease.job_pool, job.job_pool) AS pool,
       lease.expires_at > clock_timestamp() AT TIME ZONE 'UTC' AS led,
       lease.holder, lease.token, lease.acquired_at, lease.previous, lease.reason,
       COALESCE(lease.paused, false) AS paused, lease.wanted_by,
       COALESCE(job.jobs, 0) AS jobs, COALESCE(job.late, 0) AS late
  FROM ha_cron_lease AS lease
  FULL JOIN (
       SELECT job_pool, count(*) AS jobs, count(*) FILTER (
              WHERE nextcall < now() AT TIME ZONE 'UTC' - %(late)s * interval '1 second') AS late
         FROM ir_cron WHERE active GROUP BY job_pool) AS job ON job.job_pool = lease.job_pool
 ORDER BY 1
"""
_NODES = """
SELECT node, sum(runs)::int, sum(failures)::int, sum(late)::int, max(ended_at)
  FROM ha_cron_run GROUP BY node ORDER BY node
"""
_LATE = """
SELECT id, cron_name, job_pool, nextcall FROM ir_cron
 WHERE active AND nextcall < now() AT TIME ZONE 'UTC' - %(late)s * interval '1 second'
 ORDER BY nextcall LIMIT 20
"""


def status(cursor: Any) -> dict[str, Any]:
    """Who leads which pool, how the nodes fared, which jobs are late. Times are UTC, as text."""
    cursor.execute(_POOLS, {"late": LATE})
    pools = [
        {
            "pool": row["pool"],
            "node": (row["holder"] or "").split("/")[0] if row["led"] else None,
            "holder": row["holder"] or None,
            "token": row["token"],
            "since": _text(row["acquired_at"]),
            "previous": row["previous"] or None,
            "reason": row["reason"],
            "paused": row["paused"],
            "wanted_by": row["wanted_by"],
            "jobs": row["jobs"],
            "late_jobs": row["late"],
        }
        for row in cursor.dictfetchall()
    ]
    cursor.execute(_NODES)
    nodes = [
        {"node": node, "runs": runs, "failures": failures, "late": late, "last": _text(last)}
        for node, runs, failures, late, last in cursor.fetchall()
    ]
    cursor.execute(_LATE, {"late": LATE})
    late = [
        {"id": job, "name": name, "pool": pool, "due": _text(due)}
        for job, name, pool, due in cursor.fetchall()
    ]
    return {"database": cursor.dbname, "pools": pools, "nodes": nodes, "late_jobs": late}


def lines(found: dict[str, Any]) -> list[str]:
    """The same for people. Pure."""
    said = [f"{found['database']}:"]
    for pool in found["pools"]:
        if pool["node"]:
            state = f"{pool['node']} since {pool['since']} (token {pool['token']})"
        else:
            state = "no live node serves it"
        said.append(
            f"  pool {pool['pool']}: {state}{', PAUSED' * pool['paused']}; "
            f"{pool['jobs']} jobs, {pool['late_jobs']} late"
        )
        if pool["previous"]:
            said.append(f"    before: {pool['previous']} ({pool['reason']})")
    for node in found["nodes"]:
        said.append(
            f"  node {node['node']}: {node['runs']} runs, {node['failures']} failed, "
            f"{node['late']} late, last at {node['last']}"
        )
    said += [f"  late: {job['name']} (pool {job['pool']}, due {job['due']})"
             for job in found["late_jobs"]]  # fmt: skip
    return said


def act(cursor: Any, verb: str, pool: str) -> bool:
    """Step a pool's holder down, pause or resume the pool; False when there is nothing to do."""
    if verb == "step-down":
        cursor.execute(statements.STEP_DOWN, [pool])
    else:
        cursor.execute(statements.PAUSE, {"pool": pool, "paused": verb == "pause"})
    return bool(cursor.fetchone())


def _text(moment: Any) -> str | None:
    return moment.isoformat(sep=" ", timespec="seconds") if moment else None
