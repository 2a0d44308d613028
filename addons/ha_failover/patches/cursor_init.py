"""Seam: ``Cursor.__init__``."""

from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from ..gate.inside import opened


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    def __init__(self: Any, pool: Any, dbname: str, dsn: dict[str, Any]) -> None:  # noqa: N807
        self._ha_wrote = False
        self._ha_broken = None
        self._ha_connection_info = dsn
        original(self, pool, dbname, dsn)
        opened(self)

    return __init__


PATCH = Patch(
    name="cursor-init",
    target="odoo.sql_db:Cursor.__init__",
    reason="A cursor must know what its transaction did and how to reach its database again.",
    checked_on="19.0",
    contains=(
        "def __init__(self, pool: ConnectionPool, dbname: str, dsn: dict):",
        "self.__pool: ConnectionPool = pool",
        "self._cnx: PsycoConnection = pool.borrow(dsn)",
        "self._obj: psycopg2.extensions.cursor = self._cnx.cursor()",
    ),
    wrap=_wrap,
)
