"""Which databases keep sessions, and transactions of the store's own in them."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.pool
from odoo import http, sql_db
from odoo.modules.registry import Registry
from odoo.service import db as database_service
from odoo.tools import config

from ..errors import SessionStoreUnavailable
from . import table

_logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds after which a database without the tables is asked again.
_ASK_AGAIN = 60.0
#: A sid says nothing of its database: so many are looked into at most.
_MOST = 16
#: Attempts of one transaction; ha_failover waits for a primary within each.
_ATTEMPTS = 3
#: Seconds after which a failed attempt was the last one.
_ENOUGH = 5.0
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"


class NoTable(Exception):
    """The app isn't installed in that database, or it doesn't exist."""


class Databases:
    """Knows which databases have the tables; safe to be called from many threads."""

    def __init__(self) -> None:
        self._has: dict[str, tuple[bool, float]] = {}

    def candidates(self) -> list[str]:
        """Where the session of a sid may be: the databases that this request's host serves.

        :raises SessionStoreUnavailable: when they can't be listed
        """
        loaded = list(Registry.registries)
        request = http.request
        if config["db_name"]:
            names = list(config["db_name"])
        elif request:
            try:
                names = database_service.list_dbs(True)
            except psycopg2.Error as error:
                raise SessionStoreUnavailable from error
        else:
            names = loaded  # a websocket's
        if request:
            names = http.db_filter(names, request.httprequest.environ.get("HTTP_HOST", ""))
        return sorted(names, key=lambda name: name not in loaded)[:_MOST]

    def known(self) -> list[str]:
        """The databases this process works with that have the tables."""
        return [name for name in list(Registry.registries) if self.has_tables(name)]

    def here(self) -> str | None:
        """The database that this thread works for, None where there is none."""
        if http.request and getattr(http.request, "db", None):
            return http.request.db
        return getattr(threading.current_thread(), "dbname", None)

    def has_tables(self, name: str, cursor: Any = None) -> bool:
        """Is the app installed there? Asked once, and again now and then while it isn't.

        :param cursor: an open one of that database, if there is one
        :raises SessionStoreUnavailable: when it can't be asked
        """
        has, asked = self._has.get(name, (False, -_ASK_AGAIN))
        if has or time.monotonic() - asked < _ASK_AGAIN:
            return has
        try:
            has = _exists(cursor) if cursor is not None else self.transaction(name, _exists)
        except NoTable:
            has = False
        self._has[name] = (has, time.monotonic())
        return has

    def transaction(self, name: str, work: Callable[[Any], T]) -> T:
        """The outcome of ``work(cursor)`` in a short transaction of its own, committed.

        ``work`` must be safe to run twice. READ COMMITTED: each statement sees what others have
        committed, and no two sessions fail each other.

        :raises NoTable: when there is no such table or database
        :raises SessionStoreUnavailable: when the database doesn't answer
        """
        started = time.monotonic()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with sql_db.db_connect(name).cursor() as cursor:
                    cursor.connection.set_isolation_level(
                        psycopg2.extensions.ISOLATION_LEVEL_READ_COMMITTED
                    )
                    cursor.execute(_LOCK_TIMEOUT)
                    return work(cursor)
            except psycopg2.errors.UndefinedTable as error:
                self._has[name] = (False, time.monotonic())
                raise NoTable(name) from error
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                if "does not exist" in str(error):
                    raise NoTable(name) from error
                if attempt == _ATTEMPTS or time.monotonic() - started > _ENOUGH:
                    _logger.warning("Database %s does not answer for a session: %s", name, error)
                    raise SessionStoreUnavailable from error
            except psycopg2.pool.PoolError as error:
                raise SessionStoreUnavailable from error
        raise AssertionError("unreachable")


def _exists(cursor: Any) -> bool:
    cursor.execute(table.EXISTS)
    return bool(cursor.fetchone()[0])
