"""Seam: ``ThreadedServer.cron_thread``."""

import logging
import time
from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from ..errors import was_lost

_logger = logging.getLogger(__name__)

#: Seconds between two tries to listen again; the wait for a server happens when it connects.
_PAUSE = 1.0


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def cron_thread(self: Any, number: int) -> None:
        while True:
            try:
                original(self, number)
                return
            except Exception as error:
                if not was_lost(error):
                    raise
                _logger.warning("cron%d lost its database connection; it starts again", number)
                time.sleep(_PAUSE)

    return cron_thread


PATCH = Patch(
    name="cron-thread",
    target="odoo.service.server:ThreadedServer.cron_thread",
    reason="Without workers, the stock cron thread dies with its connection and no job runs "
    "until a restart.",
    checked_on="19.0",
    contains=("conn = sql_db.db_connect('postgres')", "_run_cron(cr)"),
    wrap=_wrap,
)
