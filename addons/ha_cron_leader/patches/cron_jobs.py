"""Seams in ``ir.cron``: whether the jobs of a database run here, and under which grants.

The methods are static on the base class, where an ``_inherit`` doesn't reach.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from .. import fence, process, statements
from ..runs import record_run

_logger = logging.getLogger(__name__)


def _wrap_process_jobs(original: Callable[..., Any]) -> Callable[..., Any]:
    def _process_jobs(db_name: str) -> None:
        leases = process.keeper().claim(db_name)
        if leases == {}:
            _logger.debug("%s: other nodes run the jobs", db_name)
            return
        with fence.leading(leases):
            original(db_name)

    return _process_jobs


def _wrap_ready_jobs(original: Callable[..., Any]) -> Callable[..., Any]:
    def _get_all_ready_jobs(cr: Any) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = original(cr)
        turn = fence.current()
        if turn is None:
            return jobs
        turn.pools = {job["id"]: job["job_pool"] or statements.MAIN for job in jobs}
        return [job for job in jobs if turn.lease_of(job["id"]) is not None]

    return _get_all_ready_jobs


def _wrap_acquire_one_job(original: Callable[..., Any]) -> Callable[..., Any]:
    def _acquire_one_job(
        cr: Any, job_id: int, *, include_not_ready: bool = False
    ) -> dict[str, Any] | None:
        turn = fence.current()
        if turn is not None:
            lease = turn.lease_of(job_id)
            if lease is None or not process.keeper().holds(lease):
                _logger.debug("%s: job %s is left to others", cr.dbname, job_id)
                return None
        if process.node().is_running(cr.dbname, job_id):
            return None  # its row is free because the session that locked it is gone
        return original(cr, job_id, include_not_ready=include_not_ready)

    return _acquire_one_job


def _wrap_process_job(original: Callable[..., Any]) -> Callable[..., Any]:
    def _process_job(cls: Any, cron_cr: Any, job: dict[str, Any]) -> None:
        turn = fence.current()
        lease = turn.lease_of(job["id"]) if turn is not None else None
        pool = lease.pool if lease is not None else None
        with process.node().running(cron_cr.dbname, job["id"], pool):
            if turn is None or lease is None:
                original(cls, cron_cr, job)
                return
            turn.status = "failed"
            started = time.monotonic()
            original(cls, cron_cr, job)
            record_run(cron_cr, job, process.node().name, turn.status, time.monotonic() - started)

    return _process_job


def _wrap_run_job(original: Callable[..., Any]) -> Callable[..., Any]:
    def _run_job(cls: Any, job: dict[str, Any]) -> Any:
        turn = fence.current()
        with fence.commits_checked(turn.lease_of(job["id"]) if turn is not None else None):
            status = original(cls, job)
        if turn is not None:
            turn.status = status
        return status

    return _run_job


PROCESS_JOBS = Patch(
    name="cron-leader",
    target="odoo.addons.base.models.ir_cron:IrCron._process_jobs",
    reason="Only the node that holds the lease runs jobs; stock row locks end with an idle "
    "session, and then a job runs twice at once.",
    checked_on="19.0",
    contains=("def _process_jobs(db_name: str) -> None:", "cls._process_jobs_loop(cron_cr,"),
    wrap=_wrap_process_jobs,
)
READY_JOBS = Patch(
    name="cron-pools",
    target="odoo.addons.base.models.ir_cron:IrCron._get_all_ready_jobs",
    reason="A node runs the jobs of the pools that it leads.",
    checked_on="19.0",
    contains=("SELECT * FROM ir_cron WHERE %s", "return cr.dictfetchall()"),
    wrap=_wrap_ready_jobs,
)
ACQUIRE_ONE_JOB = Patch(
    name="cron-running",
    target="odoo.addons.base.models.ir_cron:IrCron._acquire_one_job",
    reason="A job that still runs in this node isn't free, though its row lock may be gone.",
    checked_on="19.0",
    contains=(
        "def _acquire_one_job(cr: BaseCursor, job_id: int, *, include_not_ready: bool = False)",
        "FOR NO KEY UPDATE SKIP LOCKED",
    ),
    wrap=_wrap_acquire_one_job,
)
PROCESS_JOB = Patch(
    name="cron-process",
    target="odoo.addons.base.models.ir_cron:IrCron._process_job",
    reason="Until a job's row says what became of it, no other process of the node runs it.",
    checked_on="19.0",
    contains=("status = cls._run_job(job)", "ir_cron._update_failure_count(job, status)"),
    wrap=_wrap_process_job,
)
RUN_JOB = Patch(
    name="cron-run",
    target="odoo.addons.base.models.ir_cron:IrCron._run_job",
    reason="The commits of a job are checked against the lease it runs under.",
    checked_on="19.0",
    contains=("with cls.pool.cursor() as job_cr:", "cron._callback("),
    wrap=_wrap_run_job,
)
