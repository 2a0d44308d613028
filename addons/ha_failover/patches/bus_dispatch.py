"""Seams: ``ImDispatch.run`` and ``ImDispatch.loop``, the thread that listens for notifications."""

import json
import logging
import selectors
import time
from collections.abc import Callable
from typing import Any

import psycopg2
from odoo import sql_db
from odoo.addons.ha_base.patches import Patch

from ..errors import was_lost

_logger = logging.getLogger(__name__)

#: Seconds between two tries to listen again; the wait for a server happens when it connects.
_PAUSE = 0.2


def _wrap_run(_original: Callable[..., Any]) -> Callable[..., Any]:
    def run(self: Any) -> None:
        from odoo.addons.bus.models import bus  # noqa: PLC0415

        while not bus.stop_event.is_set():
            try:
                self.loop()
            except Exception as error:
                self._ha_missed, self._ha_listens = True, False
                if bus.stop_event.is_set():
                    return
                if was_lost(error):
                    _logger.info("Bus.loop lost its connection; it listens again")
                    time.sleep(_PAUSE)
                else:
                    _logger.exception("Bus.loop error, sleep and retry")
                    time.sleep(bus.TIMEOUT)

    return run


def _wrap_loop(_original: Callable[..., Any]) -> Callable[..., Any]:
    def loop(self: Any) -> None:
        """Dispatch postgres notifications to the relevant websockets."""
        from odoo.addons.bus.models import bus  # noqa: PLC0415

        _logger.info("Bus.loop listen imbus on db postgres")
        # The pool knows this connection, so the watcher ends it when the primary changes.
        with (
            sql_db.db_connect("postgres").cursor() as cursor,
            selectors.DefaultSelector() as selector,
        ):
            cursor.execute("listen imbus")
            cursor.commit()
            self._ha_listens = True
            connection = cursor._cnx
            selector.register(connection, selectors.EVENT_READ)
            if getattr(self, "_ha_missed", False):
                _catch_up(self)
                self._ha_missed = False
            while not bus.stop_event.is_set():
                if not selector.select(bus.TIMEOUT):
                    continue
                connection.poll()
                channels = []
                while connection.notifies:
                    channels.extend(json.loads(connection.notifies.pop().payload))
                websockets = set()
                for channel in channels:
                    websockets.update(self._channels_to_ws.get(bus.hashable(channel), []))
                for websocket in websockets:
                    websocket.trigger_notification_dispatching()

    return loop


def _catch_up(dispatch: Any) -> None:
    """Let every websocket look for what was sent while nobody listened."""
    websockets = {one for group in list(dispatch._channels_to_ws.values()) for one in list(group)}
    for database in {websocket._db for websocket in websockets}:
        newest = _newest_id(database)
        for websocket in websockets:
            if websocket._db == database:
                websocket._ha_newest_id = newest
                websocket.trigger_notification_dispatching()
    _logger.info("Bus.loop listens again; %d websockets catch up", len(websockets))


def _newest_id(database: str) -> int | None:
    """The last id given to a notification; it goes back where a failover lost some."""
    try:
        with sql_db.db_connect(database).cursor() as cursor:
            cursor.execute("SELECT last_value FROM bus_bus_id_seq")
            newest: int = cursor.fetchone()[0]
            return newest
    except psycopg2.Error as error:
        if was_lost(error):
            raise
        _logger.warning("%s: the last notification's id can't be read: %s", database, error)
        return None


PATCH_RUN = Patch(
    name="bus-run",
    target="odoo.addons.bus.models.bus:ImDispatch.run",
    reason="Stock waits 50 s before it listens again.",
    checked_on="19.0",
    contains=("while not stop_event.is_set(): try: self.loop()", "time.sleep(TIMEOUT)"),
    wrap=_wrap_run,
)
PATCH_LOOP = Patch(
    name="bus-loop",
    target="odoo.addons.bus.models.bus:ImDispatch.loop",
    reason="Notifications sent while nobody listened are delivered at the next one only, which "
    "may never come; when LISTEN is back each websocket must look for them.",
    checked_on="19.0",
    contains=(
        "with odoo.sql_db.db_connect('postgres').cursor() as cr,",
        'cr.execute("listen imbus")',
        "if sel.select(TIMEOUT): conn.poll() channels = [] while conn.notifies: "
        "channels.extend(orjson.loads(conn.notifies.pop().payload))",
        "websockets.update(self._channels_to_ws.get(hashable(channel), []))",
        "websocket.trigger_notification_dispatching()",
    ),
    wrap=_wrap_loop,
)
