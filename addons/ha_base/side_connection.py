"""A database connection beside Odoo's pool, for background threads that must never hang.

libpq applies ``connect_timeout`` to neither a hung handshake nor a query, and under gevent not at
all. Here the connection is asynchronous and each step waits on the socket until a deadline, in
ordinary threads and greenlets alike. Only the resolution of a host's name is out of reach: use
addresses, or a resolver with short timeouts.
"""

import select
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg2
import psycopg2.extensions

_POLL_OK = psycopg2.extensions.POLL_OK
_EVENTS = {
    psycopg2.extensions.POLL_READ: select.POLLIN,
    psycopg2.extensions.POLL_WRITE: select.POLLOUT,
}


class DeadlineExceeded(psycopg2.OperationalError):
    """The server did not answer in time; the connection is closed."""


def servers(
    info: Mapping[str, Any], topology: Mapping[str, Any] | None
) -> tuple[dict[str, Any], ...]:
    """Pure: the parameters of each server worth a try, in order.

    :param info: libpq's parameters, as from ``odoo.sql_db.connection_info_for``; ``host`` may
        name several hosts
    :param topology: the fresh topology document, if there is one. Then only its proven primary
        counts, and without one nothing does.
    """
    common = dict(info)
    if topology is not None:
        primary = topology.get("primary")
        if topology.get("state") != "stable" or not primary:
            return ()
        return ({**common, "host": primary["host"], "port": primary["port"]},)
    hosts = str(common.get("host") or "").split(",")
    ports = str(common.get("port") or "").split(",")
    if "dsn" in common or (len(hosts) == 1 and len(ports) == 1):
        return (common,)
    if len(ports) == 1:
        ports *= len(hosts)
    return tuple(
        {**common, "host": host.strip(), "port": port.strip() or "5432"}
        for host, port in zip(hosts, ports, strict=True)
    )


class SideConnection:
    """One asynchronous connection in autocommit mode; for one thread at a time."""

    def __init__(self, parameters: Mapping[str, Any], timeout: float) -> None:
        """Connect within ``timeout`` seconds.

        :raises psycopg2.OperationalError: refused, or ``DeadlineExceeded``
        """
        self.parameters = dict(parameters)
        self._cnx = psycopg2.connect(**self.parameters, async_=1)
        self._wait(time.monotonic() + timeout, "connect")

    def query(
        self, statement: str, arguments: Sequence[Any] | Mapping[str, Any], timeout: float
    ) -> list[tuple[Any, ...]]:
        """Run ``statement`` and return the rows of its last part, within ``timeout`` seconds.

        After any error but the server's own answer the connection is closed.

        :raises psycopg2.Error: the server's answer, a lost connection, or ``DeadlineExceeded``
        """
        with self._cnx.cursor() as cursor:
            cursor.execute(statement, arguments)
            self._wait(time.monotonic() + timeout, "answer")
            return cursor.fetchall() if cursor.description else []

    @property
    def closed(self) -> bool:
        """Was it closed, by us or by an error?"""
        return bool(self._cnx.closed)

    def close(self) -> None:
        """Close it; never waits."""
        if not self._cnx.closed:
            self._cnx.close()

    def _wait(self, deadline: float, what: str) -> None:
        while (state := self._cnx.poll()) != _POLL_OK:
            poll = select.poll()
            poll.register(self._cnx.fileno(), _EVENTS[state])
            left = deadline - time.monotonic()
            # Rounded up, so that the last millisecond is slept rather than spun through.
            if left <= 0 or not poll.poll(int(left * 1000) + 1):
                self._cnx.close()
                raise DeadlineExceeded(f"the database server did not {what} in time")
