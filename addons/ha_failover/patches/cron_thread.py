"""Seam: ``ThreadedServer.cron_thread``."""

import contextlib
import logging
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from odoo import sql_db
from odoo.addons.ha_base.patches import Patch
from odoo.tools import config
from odoo.tools.misc import OrderedSet

from ..cron import TurnLost
from ..errors import was_lost

_logger = logging.getLogger(__name__)

#: Seconds between two tries to listen again; the wait for a server happens when it connects.
_PAUSE = 0.2


def _wrap(_original: Callable[..., Any]) -> Callable[..., Any]:
    def cron_thread(_self: Any, number: int) -> None:
        from odoo.service.server import SLEEP_INTERVAL  # noqa: PLC0415

        next_poll = time.monotonic() + SLEEP_INTERVAL + number
        while True:
            try:
                with contextlib.closing(sql_db.db_connect("postgres").cursor()) as cursor:
                    cursor.execute("LISTEN cron_trigger")
                    cursor.commit()
                    next_poll = _serve(cursor._cnx, number, next_poll)
                    cursor._cnx.close()
                _logger.info("cron%d max age reached, releasing connection.", number)
            except Exception as error:
                if not was_lost(error):
                    raise
                _logger.warning("cron%d lost its database connection; it listens again", number)
                next_poll = time.monotonic()
                time.sleep(_PAUSE)

    return cron_thread


def _serve(connection: Any, number: int, next_poll: float) -> float:
    """Run jobs until the connection has its age; return when all databases are due again."""
    from odoo.service.server import SLEEP_INTERVAL, cron_database_list  # noqa: PLC0415

    born = time.monotonic()
    limit = config["limit_time_worker_cron"]
    while limit <= 0 or time.monotonic() - born <= limit:
        select.select([connection], [], [], max(0.0, next_poll - time.monotonic()))
        time.sleep(number / 100)
        connection.poll()
        notified = OrderedSet(
            item.payload for item in connection.notifies if item.channel == "cron_trigger"
        )
        connection.notifies.clear()
        everywhere = OrderedSet(cron_database_list())
        if time.monotonic() >= next_poll:
            next_poll = time.monotonic() + SLEEP_INTERVAL + number
            due = [*(one for one in notified if one in everywhere)]
            due += [one for one in everywhere if one not in notified]
        else:
            due = [one for one in notified if one in everywhere]
        for database in due:
            if not _run_jobs(number, database):
                next_poll = time.monotonic()
    return next_poll


def _run_jobs(number: int, database: str) -> bool:
    """False when the turn was lost and is to be repeated."""
    from odoo.addons.base.models.ir_cron import IrCron  # noqa: PLC0415

    thread: Any = threading.current_thread()
    thread.start_time = time.time()  # the server watches limit_time_real_cron by it
    try:
        IrCron._process_jobs(database)
    except TurnLost as error:
        _logger.warning("cron%d %s", number, error)
        return False
    except Exception:
        _logger.warning("cron%d encountered an Exception:", number, exc_info=True)
    finally:
        thread.start_time = None
    return True


PATCH = Patch(
    name="cron-thread",
    target="odoo.service.server:ThreadedServer.cron_thread",
    reason="Without workers, the stock cron thread dies with its connection and no job runs "
    "until a restart; and what it missed must run at once, not at the next poll.",
    checked_on="19.0",
    contains=(
        "select.select([pg_conn], [], [], SLEEP_INTERVAL + number) time.sleep(number / 100)",
        "if time.time() - SLEEP_INTERVAL > check_all_time:",
        "thread.start_time = time.time() try: IrCron._process_jobs(db_name)",
        "conn = sql_db.db_connect('postgres')",
        "_run_cron(cr) cr._cnx.close()",
    ),
    wrap=_wrap,
)
