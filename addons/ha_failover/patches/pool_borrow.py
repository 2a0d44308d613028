"""Seam: ``ConnectionPool.borrow``."""

import logging
import time
from collections.abc import Callable
from typing import Any

import psycopg2
from odoo import sql_db
from odoo.addons.ha_base.patches import Patch
from odoo.addons.ha_base.settings import current
from psycopg2.pool import PoolError

from .. import caches
from ..gate.connect import await_writable, connect, identity
from ..settings import Settings
from ..topology.watcher import watcher

_logger = logging.getLogger(__name__)

#: How often, and how many seconds apart, a full pool is looked at while there is a primary. 5 s:
#: longer than the sidecar needs to notice that the primary hangs.
_SLOT_LOOKS, _SLOT_PAUSE = 100, 0.05


def _wrap(_original: Callable[..., Any]) -> Callable[..., Any]:
    def borrow(self: Any, connection_info: dict[str, Any]) -> Any:
        wanted = identity(connection_info)
        looks = 0
        while True:
            _wait_while_switching(self)
            try:
                with self._lock:
                    connection, discarded = _take(self, wanted)
            except PoolError:
                # Perhaps every slot waits for a server that hangs, and nobody noticed it yet.
                # Looks are counted, not seconds: those spent waiting for a primary don't count.
                looks += 1
                if looks > _SLOT_LOOKS:
                    raise
                watcher().wait(_SLOT_PAUSE)
                continue
            for old in discarded:
                _close(old)
            if connection is None:
                break
            # In use already, so the watcher can end it should its server hang in the reset.
            try:
                connection.reset()
                return connection
            except psycopg2.Error:
                self._debug("Cannot reset connection to %r", connection.dsn)
                caches.distrust()  # without a sidecar, the only trace of a failover
                _forget(self, connection)
        # The slot is reserved by ``_take``: the pool never exceeds its size, though the
        # connection is made without its lock.
        try:
            new = connect(connection_info, readonly=self._readonly)
            new._pool_in_use = True
        except BaseException:
            with self._lock:
                self._ha_connecting -= 1
            raise
        with self._lock:
            self._ha_connecting -= 1
            self._connections.append(new)
        self._debug("Create new connection backend PID %d", new.get_backend_pid())
        return new

    return borrow


def _wait_while_switching(pool: Any) -> None:
    """New transactions start on a proven primary only, on a pooled connection too."""
    if not pool._readonly:
        with await_writable(current(Settings)) as choose:
            choose()


def _take(pool: Any, wanted: Any) -> tuple[Any, list[Any]]:
    """Under the pool's lock, without network work: an idle connection that fits, or None and a
    reserved slot; and what is to be closed."""
    topology = None if pool._readonly else watcher().topology()
    epoch = topology.epoch if topology else None
    discarded: list[Any] = []
    now = time.time()
    for connection in list(pool._connections):
        if connection.closed:
            pool._connections.remove(connection)
            continue
        if getattr(connection, "leaked", False):
            delattr(connection, "leaked")
            connection._pool_in_use = False
            _logger.info("%r: Free leaked connection to %r", pool, connection.dsn)
        if connection._pool_in_use:
            continue
        idle_too_long = now - connection._pool_last_used > sql_db.MAX_IDLE_TIMEOUT
        older_epoch = epoch is not None and getattr(connection, "_ha_epoch", None) != epoch
        # Odoo connects before it loads server-wide modules, so without our bounds.
        not_ours = not hasattr(connection, "_ha_identity")
        if idle_too_long or older_epoch or not_ours:
            pool._connections.remove(connection)
            discarded.append(connection)
    for connection in pool._connections:
        if not connection._pool_in_use and connection._ha_identity == wanted:
            connection._pool_in_use = True
            return connection, discarded
    connecting = pool.__dict__.setdefault("_ha_connecting", 0)
    if len(pool._connections) + connecting >= pool._maxconn:
        oldest = next((cnx for cnx in pool._connections if not cnx._pool_in_use), None)
        if oldest is None:
            raise PoolError("The Connection Pool Is Full")
        pool._connections.remove(oldest)
        discarded.append(oldest)
    pool._ha_connecting = connecting + 1
    return None, discarded


def _forget(pool: Any, connection: Any) -> None:
    with pool._lock:
        if connection in pool._connections:
            pool._connections.remove(connection)
    _close(connection)


def _close(connection: Any) -> None:
    if not connection.closed:
        connection.close()


PATCH = Patch(
    name="pool-borrow",
    target="odoo.sql_db:ConnectionPool.borrow",
    reason="Stock connects and resets under the pool's lock and without timeouts, so that one "
    "hung server stops every thread; and it hands out connections to a demoted or dead primary.",
    checked_on="19.0",
    contains=(
        "def borrow(self, connection_info: dict) -> PsycoConnection:",
        "if not cnx._pool_in_use and self._dsn_equals(cnx.dsn, connection_info):",
        "cnx.reset()",
        "raise PoolError('The Connection Pool Is Full')",
        "result = psycopg2.connect( connection_factory=PsycoConnection, **connection_info)",
        "result._pool_in_use = True",
        "self._connections.append(result)",
    ),
    wrap=_wrap,
)
