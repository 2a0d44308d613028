"""Errors of ha_failover, and which errors mean that the database connection was lost.

::

    psycopg2.OperationalError
     └── FailoverError
          ├── ConnectionLost        the transaction died before COMMIT was sent, or never committed
          ├── DatabaseUnavailable   no writable database within the hold budget
          │    └── HoldLimitReached  not waited for: enough requests wait already
          ├── OutcomeUnknown        COMMIT was sent and its outcome could not be found out
          └── AlreadyMarked         the request came before, on this node or on another
"""

from collections.abc import Iterator

import psycopg2

#: SQLSTATEs after which the connection is of no use and the server may be another one soon.
#: Class 08 (connection exception) is added by prefix.
_LOST_STATES = {
    "25006",  # read_only_sql_transaction: the server was demoted
    "53300",  # too_many_connections: seen while a restarted primary is stormed
    "57P01",  # admin_shutdown, also pg_terminate_backend
    "57P02",  # crash_shutdown
    "57P03",  # cannot_connect_now: starting up, shutting down
    "57P05",  # idle_session_timeout
}
#: What libpq says when the *connection* can't be had for a reason that waiting won't cure. A name
#: that doesn't resolve isn't among them: a container's name goes with the container.
_PERMANENT = (
    "does not exist",
    "authentication failed",
    "no pg_hba.conf entry",
    "no password supplied",
    "is not permitted",
    "permission denied for database",
    "certificate verify failed",
)


class FailoverError(psycopg2.OperationalError):
    """Root of this addon's errors; an OperationalError, as Odoo's own code expects."""


class ConnectionLost(FailoverError):
    """The connection died and nothing of its transaction is, or ever will be, in the database."""


class DatabaseUnavailable(FailoverError):
    """No writable database appeared within the hold budget."""


class HoldLimitReached(DatabaseUnavailable):
    """As many requests of this node wait for a database as may."""


class OutcomeUnknown(FailoverError):
    """COMMIT was sent, no answer came, and it could not be resolved within the hold budget."""


class AlreadyMarked(FailoverError):
    """A marker of this very request is there: it came before. Its present transaction is void."""


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it was raised from or during: Odoo masks the cause (its rollback
    on a dead connection raises InterfaceError)."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        item = todo.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        todo += (item.__cause__, item.__context__)


def is_lost(error: BaseException) -> bool:
    """Does this one error say that its database connection is of no use any more?"""
    if isinstance(error, FailoverError):
        return True
    if not isinstance(error, psycopg2.Error):
        return False
    state = error.pgcode
    if state is not None:
        if state == "0A000":  # "cannot set transaction read-write mode during recovery"
            return "recovery" in str(error)
        return state in _LOST_STATES or state.startswith("08")
    if isinstance(error, psycopg2.InterfaceError):
        # psycopg2 says the latter of an open cursor whose connection is closed; of its own closed
        # cursors Odoo says it with a capital.
        return any(
            words in str(error) for words in ("connection already closed", "cursor already closed")
        )
    # Without a SQLSTATE libpq itself speaks: the link is gone, or it never came to be.
    if not isinstance(error, psycopg2.OperationalError | psycopg2.DatabaseError):
        return False
    text = str(error)
    if type(error) is psycopg2.OperationalError:
        return not any(words in text for words in _PERMANENT)
    # libpq's odd ends of a link ("PGRES_TUPLES_OK and no message"): ask the link itself.
    connection = getattr(error.cursor, "connection", None)
    return bool(connection is not None and connection.closed)


def was_lost(error: BaseException) -> bool:
    """Was a lost connection the cause, anywhere behind this error?"""
    return any(is_lost(item) for item in chain(error))


def unresolved(error: BaseException) -> OutcomeUnknown | None:
    """The commit in doubt behind this error, if there is one."""
    return next((item for item in chain(error) if isinstance(item, OutcomeUnknown)), None)
