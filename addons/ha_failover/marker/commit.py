"""COMMIT with a marker, and its forced resolution when the answer was lost."""

import logging
import time
import uuid
from typing import Any

import psycopg2
import psycopg2.extensions
from odoo.addons.ha_base.settings import current

from ..errors import ConnectionLost, DatabaseUnavailable, OutcomeUnknown, is_lost
from ..gate import remaining
from ..gate.connect import connect
from ..settings import Settings
from . import table

_logger = logging.getLogger(__name__)

#: Seconds after which a database that had no marker table is asked again.
_ASK_AGAIN = 60.0
#: Database → has the table, when that was asked (monotonic).
_has_table: dict[str, tuple[bool, float]] = {}


def mark(cursor: Any) -> str | None:
    """Insert a marker into the cursor's transaction; None where the database has no table."""
    if not current(Settings).commit_markers or not _table_exists(cursor):
        return None
    token = str(uuid.uuid4())
    cursor._obj.execute(table.MARK, (token,))
    return token


def resolve(cursor: Any, token: str) -> bool:
    """Was the transaction of ``token`` committed? Waits for a primary, within the budget.

    The answer is final: False means that it never will be.

    :raises OutcomeUnknown: when it can't be found out within the budget
    """
    pool, info = cursor._Cursor__pool, cursor._ha_connection_info
    settings = current(Settings)
    deadline = time.monotonic() + remaining(settings.hold_timeout)
    while True:
        connection = None
        try:
            connection = connect(info, readonly=pool.readonly)
            connection.set_session(autocommit=True, readonly=False)
            left = max(1, int((deadline - time.monotonic()) * 1000))
            with connection.cursor() as asking:
                asking.execute("SELECT set_config('statement_timeout', %s, false)", (str(left),))
                asking.execute(table.RESOLVE, (token,))
                (resolution,) = asking.fetchone()
            return not resolution
        except DatabaseUnavailable as error:
            raise _unknown(error) from error
        except Exception as error:
            # Whatever goes wrong here, even a mistake of ours: the commit stays in doubt.
            if not is_lost(error) or time.monotonic() >= deadline:
                raise _unknown(error) from error
        finally:
            if connection is not None:
                connection.close()


def commit(cursor: Any) -> None:
    """Commit the flushed transaction that wrote; returns only if it is in the database for sure.

    :raises ConnectionLost: it isn't, and never will be
    :raises OutcomeUnknown: nobody can say
    """
    if cursor._cnx.get_transaction_status() != psycopg2.extensions.TRANSACTION_STATUS_INTRANS:
        # An aborted transaction (its COMMIT is a ROLLBACK, in stock too), or autocommit mode.
        cursor._cnx.commit()
        return
    try:
        token = mark(cursor)
    except psycopg2.Error as error:
        if is_lost(error):
            raise ConnectionLost("connection lost before COMMIT") from error
        raise
    try:
        cursor._cnx.commit()
    except psycopg2.Error as error:
        if not is_lost(error):
            raise  # a complete answer: the server refused (constraint, serialization …)
        _drop(cursor)
        if token is None:
            raise _unknown(error) from error
        if not resolve(cursor, token):
            _logger.info("A COMMIT without answer was resolved: not committed")
            raise ConnectionLost("connection lost during COMMIT; nothing was saved") from error
        _logger.info("A COMMIT without answer was resolved: committed")


def _drop(cursor: Any) -> None:
    """Close a link of no use: a demoted server would keep it open."""
    if not cursor._cnx.closed:
        cursor._cnx.close()


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
