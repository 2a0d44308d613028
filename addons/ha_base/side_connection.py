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

    def send(self, statement: str, arguments: Sequence[Any], timeout: float) -> None:
        """Send ``statement`` and don't wait for its end, which ``advance`` tells.

        :raises psycopg2.Error: a lost connection, or ``DeadlineExceeded``
        """
        self._sent = self._cnx.cursor()  # kept, as the connection holds it by a weak reference
        self._sent.execute(statement, arguments)
        if self._cnx.poll() == psycopg2.extensions.POLL_WRITE:
            self._wait(time.monotonic() + timeout, "take the statement")

    def advance(self) -> bool:
        """Take in what the server sent, never waiting; True when no statement is under way.

        :raises psycopg2.Error: the server's answer to what was sent, or a lost connection
        """
        return bool(self._cnx.poll() == _POLL_OK)

    def notifications(self) -> list[tuple[str, str]]:
        """(channel, payload) of what was notified up to the last ``advance``; each once."""
        found = [(one.channel, one.payload) for one in self._cnx.notifies]
        self._cnx.notifies.clear()
        return found

    def fileno(self) -> int:
        """The socket; readable when the server sent something or went away."""
        number: int = self._cnx.fileno()
        return number

    @property
    def backend_pid(self) -> int:
        """The session's number as the handshake gave it; a pooler gives a number of its own."""
        number: int = self._cnx.get_backend_pid()
        return number

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
