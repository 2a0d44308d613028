"""A PostgreSQL connection whose every wait has a deadline, also against a frozen server.

psycopg2's own ``connect_timeout`` counts in whole seconds from 2 on and its queries wait for
ever, so the connection is asynchronous and waited for here; nothing is ever left to a thread
that would have to be abandoned.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions

from .cluster import Target
from .errors import ProbeError
from .resolve import Resolver
from .tls import PROBE, with_remedy

_READ = psycopg2.extensions.POLL_READ


class Interrupted(ProbeError):
    """Somebody wants this thread's attention; the wait was given up."""


class Bell:
    """Wakes a thread that waits for a socket."""

    def __init__(self) -> None:
        self._inside, self._outside = socket.socketpair()
        self._inside.setblocking(False)
        self._outside.setblocking(False)
        self._rung = threading.Event()

    def ring(self) -> None:
        if not self._rung.is_set():
            self._rung.set()
            with contextlib.suppress(OSError):
                self._outside.send(b"!")

    def silence(self) -> None:
        """Forget the rings so far."""
        with contextlib.suppress(BlockingIOError):
            while self._inside.recv(64):
                pass
        self._rung.clear()

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds``; tell whether it rang."""
        return self._rung.wait(max(seconds, 0.0))

    def wait_for_ring(self, seconds: float) -> bool:
        """The same without a lock, for a thread that a signal handler may ring at any moment."""
        poll = select.poll()
        poll.register(self._inside, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def fileno(self) -> int:
        return self._inside.fileno()

    def close(self) -> None:
        self._inside.close()
        self._outside.close()


@dataclass(frozen=True)
class Credentials:
    """How to log in. ``password`` is called at each connection and its result never kept."""

    user: str
    database: str
    password: Callable[[], str] | None = None
    sslmode: str = "prefer"
    sslrootcert: Path | None = None
    application: str = "ha-sidecar"


class Session:
    """One connection to one server, opened when first needed. For one thread.

    Every method takes ``deadline``, a time of the monotonic clock. On any failure the
    connection is closed and ProbeError raised (Interrupted when ``bell`` rang).
    """

    def __init__(
        self,
        target: Target,
        credentials: Credentials,
        resolver: Resolver,
        bell: Bell | None = None,
        # Should this process die with its host, the server's backend ends soon.
        options: str = "-c statement_timeout=5s -c tcp_keepalives_idle=10",
    ) -> None:
        self.target = target
        self._options = options
        self._credentials = credentials
        self._resolver = resolver
        self._bell = bell
        self._connection: psycopg2.extensions.connection | None = None

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def rows(self, query: str, deadline: float) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, connecting first if need be."""
        return self._run(query, deadline)[1]

    def named_rows(self, query: str, deadline: float) -> list[dict[str, Any]]:
        """The same, each row by the names of its columns."""
        names, rows = self._run(query, deadline)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _run(self, query: str, deadline: float) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            connection = self._connection or self._connect(deadline)
            with connection.cursor() as cursor:
                cursor.execute(query)
                self._wait(connection, deadline)
                if cursor.description is None:
                    return [], []
                return [column.name for column in cursor.description], cursor.fetchall()
        except psycopg2.Error as error:
            self.close()
            raise ProbeError(with_remedy(_first_line(error), PROBE)) from None
        except BaseException:
            self.close()
            raise

    def _connect(self, deadline: float) -> psycopg2.extensions.connection:
        mine = self._credentials
        address = self._resolver.address(self.target.host, deadline)
        options: dict[str, Any] = {
            "host": self.target.host,
            "hostaddr": address,
            "port": self.target.port,
            "user": mine.user,
            "dbname": mine.database,
            "sslmode": mine.sslmode,
            "gssencmode": "disable",
            "application_name": mine.application,
        }
        if self._options:
            options["options"] = self._options
        if mine.password:
            options["password"] = mine.password()
        if mine.sslrootcert:
            options["sslrootcert"] = str(mine.sslrootcert)
        self._connection = psycopg2.connect(**options, async_=True)
        self._wait(self._connection, deadline)
        return self._connection

    def _wait(self, connection: psycopg2.extensions.connection, deadline: float) -> None:
        while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise ProbeError("no answer in time")
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN if state == _READ else select.POLLOUT)
            if self._bell is not None:
                poll.register(self._bell.fileno(), select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(remaining * 1000)}
            if self._bell is not None and self._bell.fileno() in ready:
                raise Interrupted("another server is asked now")

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None


def _first_line(error: Exception) -> str:
    """libpq's words, without its advice on later lines; they never hold the password."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
