"""Seams in the server: where the cron processes begin and end, prefork and threaded."""

from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from .. import process


def _wrap_worker_start(original: Callable[..., Any]) -> Callable[..., Any]:
    def start(self: Any) -> None:
        original(self)  # listens from here on, so a wake reaches it
        process.keeper(parent=self.ppid)

    return start


def _wrap_cron_spawn(original: Callable[..., Any]) -> Callable[..., Any]:
    def cron_spawn(self: Any) -> None:
        from odoo.tools import config

        original(self)
        if config["max_cron_threads"]:
            process.keeper()

    return cron_spawn


def _wrap_stop(original: Callable[..., Any]) -> Callable[..., Any]:
    def stop(self: Any) -> None:
        process.leave()  # what no job runs under
        original(self)
        process.leave()

    return stop


WORKER_START = Patch(
    name="cron-worker-start",
    target="odoo.service.server:WorkerCron.start",
    reason="A cron process asks for the leases from its start, not from its first poll.",
    checked_on="19.0",
    contains=("Worker.start(self)", 'self.dbcursor.execute("LISTEN cron_trigger")'),
    wrap=_wrap_worker_start,
)
PREFORK_STOP = Patch(
    name="cron-prefork-stop",
    target="odoo.service.server:PreforkServer.stop_workers_gracefully",
    reason="What no job runs under is let go at once, the rest when the last job has ended.",
    checked_on="19.0",
    contains=("while self.workers:",),
    wrap=_wrap_stop,
)
CRON_SPAWN = Patch(
    name="cron-spawn",
    target="odoo.service.server:ThreadedServer.cron_spawn",
    reason="As in the prefork server: the lease is asked for from the start.",
    checked_on="19.0",
    contains=("for i in range(config['max_cron_threads']):",),
    wrap=_wrap_cron_spawn,
)
THREADED_STOP = Patch(
    name="cron-threaded-stop",
    target="odoo.service.server:ThreadedServer.stop",
    reason="As in the prefork server: in the end its jobs have lost their connections.",
    checked_on="19.0",
    contains=("sql_db.close_all()",),
    wrap=_wrap_stop,
)
