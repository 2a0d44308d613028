"""Seam: ``ConnectionPool.close_all``."""

import logging
from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch
from psycopg2.extensions import parse_dsn

from ..gate.connect import identity

_logger = logging.getLogger(__name__)


def _wrap(_original: Callable[..., Any]) -> Callable[..., Any]:
    def close_all(self: Any, dsn: dict[str, Any] | str | None = None) -> None:
        wanted = None
        if dsn is not None:
            wanted = identity(parse_dsn(dsn) if isinstance(dsn, str) else dsn)
        with self._lock:
            ended = [
                connection
                for connection in self._connections
                if wanted is None or getattr(connection, "_ha_identity", wanted) == wanted
            ]
            for connection in ended:
                self._connections.remove(connection)
        for connection in ended:
            connection.close()
        if ended:
            _logger.info("%r: Closed %d connections", self, len(ended))

    return close_all


PATCH = Patch(
    name="pool-close-all",
    target="odoo.sql_db:ConnectionPool.close_all",
    reason="Stock recognises connections by their DSN; ours has the address of the primary they "
    "were made to, so it would find none and a database could not be dropped.",
    checked_on="19.0",
    contains=(
        "def close_all(self, dsn: dict | str | None = None):",
        "if dsn is None or self._dsn_equals(cnx.dsn, dsn):",
    ),
    wrap=_wrap,
)
