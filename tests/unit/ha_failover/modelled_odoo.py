"""As much of Odoo as a request's fate depends on, below ha_failover's own patches.

The cursor's and ``retrying``'s bodies are Odoo's, shortened; what wraps them is the real thing:
the patches, the gate, the replay loop, the markers and their resolution.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import psycopg2
import psycopg2.errors

from .modelled_database import fate


def _stand_in() -> None:
    """``odoo.sql_db`` for the modules that name it; the other unit tests have no use for it."""
    import odoo  # noqa: PLC0415 (the bare package)

    if "odoo.sql_db" not in sys.modules:
        module = ModuleType("odoo.sql_db")
        module.Cursor = type("Cursor", (), {})  # type: ignore[attr-defined]
        module.PsycoConnection = object  # type: ignore[attr-defined]
        module._Pool = None  # type: ignore[attr-defined]
        sys.modules["odoo.sql_db"] = odoo.sql_db = module


_stand_in()

from odoo import sql_db  # noqa: E402
from odoo.addons.ha_failover import replay  # noqa: E402
from odoo.addons.ha_failover.gate import connect as gate_connect  # noqa: E402
from odoo.addons.ha_failover.patches import (  # noqa: E402
    cursor_commit,
    cursor_execute,
    cursor_init,
    retrying,
)

_TRIES = 5


class Hooks(list[Callable[[], None]]):
    def run(self) -> None:
        while self:
            self.pop(0)()


class _StockCursor(sql_db.Cursor):
    def __init__(self, _pool: Any, dbname: str, dsn: dict[str, Any]) -> None:
        self._closed = False
        self.dbname = dbname
        self.postcommit, self.prerollback, self.postrollback = Hooks(), Hooks(), Hooks()
        self._cnx = gate_connect.connect(dsn, readonly=False)
        self._obj = self._cnx.cursor()

    @property
    def closed(self) -> bool:
        return bool(self._closed or self._cnx.closed)

    def execute(self, query: Any, params: Any = None, log_exceptions: bool = True) -> None:
        self._obj.execute(query, params)

    def flush(self) -> None:
        pass

    def clear(self) -> None:
        pass

    def rollback(self) -> None:
        self.postcommit.clear()
        self._cnx.rollback()

    def close(self) -> None:
        if not self.closed:
            self.rollback()
            self._closed = True
            self._cnx.close()


class Cursor(_StockCursor):
    __init__ = cursor_init._wrap(_StockCursor.__init__)
    execute = cursor_execute._wrap_execute(_StockCursor.execute)
    commit = cursor_commit._wrap_commit(lambda self: None)
    rollback = cursor_commit._wrap_rollback(_StockCursor.rollback)


def _stock_retrying(func: Callable[[], Any], env: Any) -> Any:
    for tries_left in range(_TRIES - 1, -1, -1):
        try:
            result = func()
            break
        except psycopg2.OperationalError as error:
            if env.cr._closed:
                raise
            env.cr.rollback()
            if not isinstance(error, psycopg2.errors.SerializationFailure) or not tries_left:
                raise
    if not env.cr.closed:
        env.cr.commit()
    _signal_changes()
    return result


def _signal_changes() -> None:
    """Odoo tells the other processes on a cursor of its own, after the commit."""
    if fate("signal") == "cut":
        raise psycopg2.OperationalError("server closed the connection unexpectedly")


_retrying = retrying._wrap(_stock_retrying)


def request(work: Callable[[Any], Any]) -> Any:
    """Serve a request as ``Request._serve_db`` or ``service.model.dispatch`` do."""

    def attempt() -> Any:
        cursor = Cursor(None, "db", {"database": "db"})
        try:
            return _retrying(lambda: work(cursor), SimpleNamespace(cr=cursor))
        finally:
            cursor.close()

    return replay.run(attempt, lambda: None, "request", limited=False)
