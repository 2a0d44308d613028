"""Waiting for PostgreSQL in the gevent process, where libpq's own bounds do not hold.

There psycopg2 works asynchronously and calls back to wait for the socket. libpq applies
``connect_timeout`` to its synchronous connect only, and nothing ends a worker that waits for good,
as ``limit_time_real`` does elsewhere.
"""

from collections.abc import Mapping
from typing import Any

import psycopg2
import psycopg2.extensions
from odoo import sql_db
from odoo.addons.ha_base.side_connection import servers

_POLL_OK = psycopg2.extensions.POLL_OK
_POLL_WRITE = psycopg2.extensions.POLL_WRITE


def bound_waits(silence: float) -> None:
    """From now on, a connection whose server says nothing for ``silence`` seconds is lost."""
    from gevent.socket import wait_read, wait_write  # noqa: PLC0415 (where gevent runs)

    def wait(connection: Any) -> None:
        while (state := connection.poll()) != _POLL_OK:
            ready = wait_write if state == _POLL_WRITE else wait_read
            error = psycopg2.OperationalError(f"the database server was silent for {silence:g} s")
            ready(connection.fileno(), timeout=silence, timeout_exc=error)

    psycopg2.extensions.set_wait_callback(wait)


def connect(arguments: Mapping[str, Any], timeout: float) -> Any:
    """Connect to the first host that will do, ``timeout`` seconds for each.

    :raises psycopg2.OperationalError: of the last host
    """
    import gevent  # noqa: PLC0415

    error = psycopg2.OperationalError("no host to connect to")
    for one in servers(arguments, None):
        try:
            with gevent.Timeout(timeout):
                return psycopg2.connect(connection_factory=sql_db.PsycoConnection, **one)
        except gevent.Timeout:
            error = psycopg2.OperationalError("timeout expired while connecting")
        except psycopg2.OperationalError as failure:
            error = failure
    raise error
