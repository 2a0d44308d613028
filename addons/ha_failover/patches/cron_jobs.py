"""Seams in ``ir.cron``: what becomes of a job that loses its connection."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg2
from odoo import sql_db
from odoo.addons.ha_base.patches import Patch

from .. import cron
from ..errors import unresolved, was_lost

_logger = logging.getLogger(__name__)


def _wrap_process_jobs(_original: Callable[..., Any]) -> Callable[..., Any]:
    def _process_jobs(db_name: str) -> None:
        """Execute every job ready to be run on this database.

        :raises TurnLost: the connection was lost; go through the jobs again
        """
        from odoo.addons.base.models import ir_cron as stock  # noqa: PLC0415

        cls = stock.IrCron
        thread: Any = threading.current_thread()
        thread.dbname = db_name
        try:
            with sql_db.db_connect(db_name).cursor() as cron_cr, cron.turn():
                cls._check_version(cron_cr)
                jobs = cls._get_all_ready_jobs(cron_cr)
                if not jobs:
                    return
                cls._check_modules_state(cron_cr, jobs)
                cls._process_jobs_loop(cron_cr, job_ids=[job["id"] for job in jobs])
        except stock.BadVersion:
            _logger.warning(
                "Skipping database %s as its base version is not %s.", db_name, stock.BASE_VERSION
            )
        except stock.BadModuleState:
            _logger.warning(
                "Skipping database %s because of modules to install/upgrade/remove.", db_name
            )
        except psycopg2.errors.UndefinedTable:
            _logger.warning("Tried to poll an undefined table on database %s.", db_name)
        except Exception as error:
            if was_lost(error):
                raise cron.TurnLost(db_name) from error
            if isinstance(error, psycopg2.ProgrammingError):
                raise
            _logger.warning("Exception in cron:", exc_info=True)
        finally:
            if hasattr(thread, "dbname"):
                del thread.dbname

    return _process_jobs


def _wrap_acquire_one_job(original: Callable[..., Any]) -> Callable[..., Any]:
    def _acquire_one_job(
        cr: Any, job_id: int, *, include_not_ready: bool = False
    ) -> dict[str, Any] | None:
        if cron.in_turn() and cron.rests(cr.dbname, job_id):
            return None
        job: dict[str, Any] | None = original(cr, job_id, include_not_ready=include_not_ready)
        if job:
            cron.forgive(cr.dbname, job)
        return job

    return _acquire_one_job


def _wrap_process_job(original: Callable[..., Any]) -> Callable[..., Any]:
    def _process_job(cls: Any, cron_cr: Any, job: dict[str, Any]) -> None:
        if cron.in_turn():
            cron.process(original, cls, cron_cr, job)
        else:
            original(cls, cron_cr, job)

    return _process_job


def _wrap_callback(original: Callable[..., Any]) -> Callable[..., Any]:
    def _callback(self: Any, cron_name: str, server_action_id: int) -> None:
        run = cron.present_run()
        if run is None:
            original(self, cron_name, server_action_id)
            return
        run.done = None
        try:
            original(self, cron_name, server_action_id)
        except Exception as error:
            # Here, because Odoo goes on and fails with another error.
            run.in_doubt = unresolved(error) is not None
            raise
        run.done = self.env.context.get("ir_cron_progress_id")

    return _callback


_TARGET = "odoo.addons.base.models.ir_cron:IrCron."

PATCH_PROCESS_JOBS = Patch(
    name="cron-turn",
    target=_TARGET + "_process_jobs",
    reason="Stock logs a lost connection and forgets the jobs until the next poll.",
    checked_on="19.0",
    contains=(
        "with db.cursor() as cron_cr: cls = IrCron cls._check_version(cron_cr) "
        "jobs = cls._get_all_ready_jobs(cron_cr) if not jobs: return "
        "cls._check_modules_state(cron_cr, jobs) "
        "cls._process_jobs_loop(cron_cr, job_ids=[job['id'] for job in jobs])",
        "except psycopg2.ProgrammingError: raise",
    ),
    wrap=_wrap_process_jobs,
)
PATCH_ACQUIRE_ONE_JOB = Patch(
    name="cron-forgive",
    target=_TARGET + "_acquire_one_job",
    reason="Stock counts a run that a failover ended as a time-out of the job.",
    checked_on="19.0",
    contains=("for field_name in ('done', 'remaining', 'timed_out_counter'):",),
    wrap=_wrap_acquire_one_job,
)
PATCH_PROCESS_JOB = Patch(
    name="cron-booked",
    target=_TARGET + "_process_job",
    reason="A job that is done but whose row could not be updated any more ran twice in stock.",
    checked_on="19.0",
    contains=(
        "ir_cron._clear_schedule(job)",
        "ir_cron._update_failure_count(job, status)",
        "ir_cron._reschedule_later(job)",
        "ir_cron._reschedule_asap(job)",
    ),
    wrap=_wrap_process_job,
)
PATCH_CALLBACK = Patch(
    name="cron-done",
    target=_TARGET + "_callback",
    reason="Whether a job's last commit is done decides whether it may run again.",
    checked_on="19.0",
    contains=("self.pool.signal_changes() self.env.cr.commit()",),
    wrap=_wrap_callback,
)
