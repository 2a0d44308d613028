"""COMMIT with a marker, and its forced resolution when the answer was lost."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.extensions
from odoo.addons.ha_base.settings import current

from .. import work
from ..counters import counters
from ..errors import AlreadyMarked, ConnectionLost, DatabaseUnavailable, OutcomeUnknown, is_lost
from ..gate import remaining
from ..gate.link import ends_at
from ..gate.proof import timeline_of
from ..settings import Settings
from . import table

_logger = logging.getLogger(__name__)

Connect = Callable[[], Any]

#: Milliseconds that a resolution waits for the original before it ends one that waits itself.
_PATIENCE_MS = 500
#: Seconds between two attempts; the wait for a server happens when it connects.
_PAUSE = 0.05
#: Seconds after which a database that had no marker table is asked again.
_ASK_AGAIN = 60.0
#: Database → has the table, when that was asked (monotonic).
_has_table: dict[str, tuple[bool, float]] = {}


def mark(cursor: Any) -> str | None:
    """Insert a marker into the cursor's transaction; None where the database has no table."""
    if not current(Settings).commit_markers or not _table_exists(cursor):
        return None
    unit = work.current()
    request = unit.request if unit is not None and unit.cursor is cursor else None
    try:
        if unit is None or request is None or request.marked or request.dbname != cursor.dbname:
            token = str(table.new_token(time.time_ns()))
            _insert(cursor, table.MARK, (token,))
        else:
            token = request.token
            _insert(cursor, table.MARK_REQUEST, (token, unit.kept()))
    except psycopg2.errors.UniqueViolation as error:
        raise AlreadyMarked("this request came before") from error
    except psycopg2.errors.UndefinedTable:
        # Another database has the name now. This transaction is lost, those that follow are not.
        _has_table.pop(cursor.dbname, None)
        raise
    return token


def _insert(cursor: Any, statement: str, values: tuple[object, ...]) -> None:
    proven = getattr(cursor._cnx, "_ha_timeline", None)
    if proven is None:
        cursor._obj.execute(statement, values)
        return
    # Through a pooler each transaction may be on another server link than the last.
    cursor._obj.execute(statement + table.TELL, values)
    _check_timeline(cursor._cnx, cursor._obj.fetchone()[0])


def _check_timeline(connection: Any, wal_file: str) -> None:
    """:raises ConnectionLost: a pooler led this transaction to a former primary"""
    proven = getattr(connection, "_ha_timeline", 0)
    if timeline_of(wal_file) < proven:
        _drop(connection)
        raise ConnectionLost(
            f"the pooler's server is on timeline {timeline_of(wal_file)}, {proven} was proven"
        )


def resolve(token: str, connect: Connect) -> bool:
    """Was the transaction of ``token`` committed? Waits for a primary, within the budget.

    The answer is final: False means that it never will be.

    :raises OutcomeUnknown: when it can't be found out within the budget
    """
    until = deadline()
    while True:
        try:
            with asking(connect, until) as (connection, cursor):
                resolution, wal_file = _ask(cursor, token)
                if connection.notices:  # this wait for the standby was cancelled too
                    raise ConnectionLost(connection.notices[-1].strip())
                _check_timeline(connection, wal_file)
                return not resolution
        except DatabaseUnavailable as error:
            raise _unknown(error) from error
        except Exception as error:
            # Whatever goes wrong here, even a mistake of ours: the commit stays in doubt.
            if not is_lost(error) or time.monotonic() >= until:
                raise _unknown(error) from error
            time.sleep(_PAUSE)


def deadline() -> float:
    """The end (monotonic) of what the current request's hold budget leaves."""
    return time.monotonic() + remaining(current(Settings).hold_timeout)


@contextmanager
def asking(connect: Connect, until: float) -> Iterator[tuple[Any, Any]]:
    """A connection of its own and its cursor, ended at ``until`` (monotonic). In autocommit mode (READ
    COMMITTED) it sees what it waited for."""
    connection = connect()
    try:
        connection.set_session(autocommit=True, readonly=False)
        with ends_at(connection, until), connection.cursor() as cursor:
            yield connection, cursor
    finally:
        connection.close()


def _ask(cursor: Any, token: str) -> tuple[bool, str]:
    while True:
        try:
            cursor.execute(table.RESOLVE, (_PATIENCE_MS, token))
            resolution, wal_file = cursor.fetchone()
            return resolution, wal_file
        except psycopg2.errors.LockNotAvailable:
            cursor.execute(table.END_WAITING, (token,))


def commit(cursor: Any, connect: Connect) -> None:
    """Commit the flushed transaction that wrote; returns only if it is in the database for sure.

    :param connect: makes a new connection to the proven primary of the same database
    :raises ConnectionLost: it isn't, and never will be
    :raises OutcomeUnknown: nobody can say
    """
    connection = cursor._cnx
    if connection.get_transaction_status() != psycopg2.extensions.TRANSACTION_STATUS_INTRANS:
        # An aborted transaction (its COMMIT is a ROLLBACK, in stock too), or autocommit mode.
        connection.commit()
        return
    try:
        token = mark(cursor)
    except psycopg2.Error as error:
        if is_lost(error):
            raise ConnectionLost("connection lost before COMMIT") from error
        raise
    del connection.notices[:]
    doubt: Exception
    try:
        connection.commit()
        if token is None or not connection.notices:
            return
        # The server did it, and says something about it. One thing matters, and it comes in the
        # server's language: the wait for the synchronous standby was cancelled, so that a failover
        # may undo the COMMIT. The resolution's own COMMIT waits for the standby.
        doubt = psycopg2.Warning(connection.notices[-1].strip())
    except psycopg2.Error as error:
        if not is_lost(error):
            raise  # a complete answer: the server refused (constraint, serialization …)
        _drop(connection)
        doubt = error
    if token is None:
        raise _unknown(doubt) from doubt
    committed = resolve(token, connect)
    counters.resolved += 1
    _logger.info(
        "A COMMIT in doubt was resolved: %scommitted (%s)", "" if committed else "not ", doubt
    )
    if not committed:
        unit = work.current()
        if unit is not None and unit.request is not None and token == unit.request.token:
            unit.request.generation += 1  # the resolution keeps this token for good
        _drop(connection)
        raise ConnectionLost("connection lost during COMMIT; nothing was saved") from doubt


def _drop(connection: Any) -> None:
    """Close a link of no use: a demoted server would keep it open."""
    if not connection.closed:
        connection.close()


def _table_exists(cursor: Any) -> bool:
    known, asked = _has_table.get(cursor.dbname, (False, -_ASK_AGAIN))
    if not known and time.monotonic() - asked >= _ASK_AGAIN:
        cursor._obj.execute(table.EXISTS, (table.TABLE,))
        known = cursor._obj.fetchone()[0]
        _has_table[cursor.dbname] = (known, time.monotonic())
    return known


def _unknown(error: BaseException) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"the connection was lost during COMMIT and its outcome could not be found out: {error}"
    )
