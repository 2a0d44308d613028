"""Seams: ``WorkerCron.sleep`` and ``WorkerCron.process_work``."""

import logging
from collections.abc import Callable
from typing import Any

from odoo import sql_db
from odoo.addons.ha_base.patches import Patch

from ..cron import TurnLost
from ..errors import was_lost
from ..gate import budget

_logger = logging.getLogger(__name__)

#: Seconds that a worker waits for a database before it lets the master know that it lives.
_BEAT = 10.0


def _wrap_sleep(original: Callable[..., Any]) -> Callable[..., Any]:
    def sleep(self: Any) -> None:
        if not self.dbcursor._cnx.closed:
            try:
                original(self)
                return
            except Exception as error:
                if not was_lost(error):
                    raise
                _logger.warning(
                    "WorkerCron (%d) lost its database connection; it listens again", self.pid
                )
                self.dbcursor._cnx.close()
        _listen(self)

    return sleep


def _listen(worker: Any) -> None:
    """Listen on a new connection; without a database, leave that to the next beat.

    What follows is ``process_work``, which goes through all databases: nothing missed waits for
    the next poll.
    """
    worker.db_queue.clear()
    try:
        with budget(_BEAT):
            cursor = sql_db.db_connect("postgres").cursor()
            cursor.execute("LISTEN cron_trigger")
            cursor.commit()
    except Exception as error:
        if not was_lost(error):
            raise
        return
    worker.dbcursor.close()
    worker.dbcursor = cursor


def _wrap_process_work(original: Callable[..., Any]) -> Callable[..., Any]:
    def process_work(self: Any) -> None:
        if self.dbcursor._cnx.closed:
            return
        try:
            original(self)
        except TurnLost as error:
            _logger.warning("WorkerCron (%d) %s", self.pid, error)
            self.db_queue.appendleft(error.database)
        except Exception as error:
            if not was_lost(error):
                raise
            _logger.warning("WorkerCron (%d) could not list the databases", self.pid)

    return process_work


PATCH_SLEEP = Patch(
    name="cron-worker-sleep",
    target="odoo.service.server:WorkerCron.sleep",
    reason="Stock's cron worker dies with its LISTEN connection, again and again in an outage.",
    checked_on="19.0",
    contains=(
        "if not self.db_queue:",
        "select.select([self.wakeup_fd_r, self.dbcursor._cnx], [], [], interval)",
        "self.dbcursor._cnx.poll()",
    ),
    wrap=_wrap_sleep,
)
PATCH_PROCESS_WORK = Patch(
    name="cron-worker-process-work",
    target="odoo.service.server:WorkerCron.process_work",
    reason="A turn through a database's jobs that lost its connection is repeated at once.",
    checked_on="19.0",
    contains=(
        "db_name = self.db_queue.popleft()",
        "IrCron._process_jobs(db_name)",
        "pg_conn = self.dbcursor._cnx",
    ),
    wrap=_wrap_process_work,
)
