"""How the jobs fared, by job and node: one row each, so that it doesn't grow with the runs."""

from contextlib import suppress
from typing import Any

import psycopg2

from .facts import LATE

_RECORD = """
INSERT INTO ha_cron_run AS run
       (cron_id, node, runs, failures, late, ended_at, seconds, longest, status)
VALUES (%(job)s, %(node)s, 1, %(failed)s, %(late)s, %(now)s, %(seconds)s, %(seconds)s, %(status)s)
ON CONFLICT (cron_id, node) DO UPDATE SET
       runs = run.runs + 1,
       failures = run.failures + EXCLUDED.failures,
       late = run.late + EXCLUDED.late,
       ended_at = EXCLUDED.ended_at,
       seconds = EXCLUDED.seconds,
       longest = greatest(run.longest, EXCLUDED.seconds),
       status = EXCLUDED.status
"""


def record_run(cursor: Any, job: dict[str, Any], node: str, status: str, seconds: float) -> None:
    """Count a run of ``job`` on ``node`` that has just ended with ``status``.

    It is no reason to repeat a job that this fails: the count is then one too low.
    """
    now = cursor.now()
    waited = (now - job["nextcall"]).total_seconds() - seconds
    with suppress(psycopg2.Error), cursor.savepoint(flush=False):
        cursor.execute(
            _RECORD,
            {
                "job": job["id"],
                "node": node,
                "failed": int(status == "failed"),
                "late": int(waited > LATE),
                "now": now.replace(microsecond=0),
                "seconds": seconds,
                "status": status,
            },
            log_exceptions=False,
        )
