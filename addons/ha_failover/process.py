"""The process-level part of ha_failover, activated by ha_base on each node."""

import logging

import odoo
from odoo.addons.ha_base.patches import apply
from odoo.tools import config

from .gate import green, slots
from .patches import (
    cron_jobs,
    cron_thread,
    cron_worker,
    cursor_commit,
    cursor_execute,
    cursor_init,
    pool_borrow,
    pool_close_all,
    prefork_spawn,
    registry_check_signaling,
    registry_load,
    request_serve_db,
    retrying,
    rpc_dispatch,
    served_exception,
)
from .settings import Settings

_logger = logging.getLogger(__name__)

#: Seconds that a request may need besides its hold.
_WORK = 10


def activate(settings: Settings) -> None:
    """Patch the pool, the cursor, the request and the server; connects nowhere."""
    apply(
        pool_borrow.PATCH,
        pool_close_all.PATCH,
        cursor_init.PATCH,
        cursor_execute.PATCH,
        cursor_execute.PATCH_PASSED_THROUGH,
        cursor_commit.PATCH,
        cursor_commit.PATCH_ROLLBACK,
        retrying.PATCH,
        request_serve_db.PATCH,
        served_exception.PATCH,
        rpc_dispatch.PATCH,
        rpc_dispatch.PATCH_COMMON,
        prefork_spawn.PATCH,
        registry_check_signaling.PATCH,
        registry_load.PATCH,
        cron_thread.PATCH,
        cron_worker.PATCH_SLEEP,
        cron_worker.PATCH_PROCESS_WORK,
        cron_jobs.PATCH_PROCESS_JOBS,
        cron_jobs.PATCH_ACQUIRE_ONE_JOB,
        cron_jobs.PATCH_PROCESS_JOB,
        cron_jobs.PATCH_CALLBACK,
    )
    slots.share()
    if getattr(odoo, "evented", False):
        # Nothing that asks for an answer waits longer than it may be held.
        green.bound_waits(settings.hold_timeout)
    limit = config["limit_time_real"]
    if config["workers"] and limit < settings.hold_timeout + _WORK:
        _logger.warning(
            "limit_time_real = %s is too short for hold_timeout = %g: the server would kill "
            "workers that hold requests. Set limit_time_real to %d or more",
            limit,
            settings.hold_timeout,
            settings.hold_timeout + _WORK,
        )
