"""The transaction that the present thread has open.

While a switchover holds new transactions, it waits for the open ones to end. One that opens another
transaction beside it (a login's, a log's, a sequence's) would never end if that had to wait.
"""

import threading
import weakref
from typing import Any

from psycopg2.extensions import TRANSACTION_STATUS_INTRANS

from .hold import Inside

_local = threading.local()


def opened(cursor: Any) -> None:
    """The present thread has opened this cursor."""
    known = [one for one in getattr(_local, "cursors", ()) if _living(one) is not None]
    _local.cursors = [*known, weakref.ref(cursor)]


def inside() -> Inside | None:
    """Where the present thread has a transaction open; None where it has none."""
    for reference in getattr(_local, "cursors", ()):
        cursor = _living(reference)
        if cursor is None:
            continue
        connection = cursor._cnx
        server = getattr(connection, "_ha_server", None)
        if (
            server is not None
            and not connection.closed
            and connection.get_transaction_status() == TRANSACTION_STATUS_INTRANS
        ):
            return Inside(server, connection._ha_epoch)
    return None


def _living(reference: "weakref.ref[Any]") -> Any:
    cursor = reference()
    return None if cursor is None or cursor._closed else cursor
