"""Seam: ``PreforkServer.process_spawn``."""

import logging
from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from ..errors import was_lost
from ..gate import budget

_logger = logging.getLogger(__name__)


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    waiting = False

    def process_spawn(self: Any) -> None:
        nonlocal waiting
        try:
            # The master must go on with its beat (watchdog, signals): it never waits.
            with budget(0):
                original(self)
        except Exception as error:
            if not was_lost(error):
                raise
            if not waiting:
                _logger.warning("No writable database: new workers start when there is one")
            waiting = True
            return
        if waiting:
            _logger.info("The database is back: workers start again")
        waiting = False

    return process_spawn


PATCH = Patch(
    name="prefork-spawn",
    target="odoo.service.server:PreforkServer.process_spawn",
    reason="With db_name set, the stock master checks the registry before it spawns a worker, "
    "fails while the database is away, and stops the whole server.",
    checked_on="19.0",
    contains=(
        "registry.check_signaling(cr)",
        "sql_db.close_all()",
        "self.worker_spawn(WorkerCron, self.workers_cron)",
    ),
    wrap=_wrap,
)
