"""Asks every PostgreSQL node by SQL, some fifty times a second, whether it is writable, and how far its WAL is."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterable

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from ha_setup.drill.loss import Position
from ha_setup.drill.promotion import Seen, Spell, note

INTERVAL = 0.02
_RETRY = 0.05
_STALE = 1.0
_ASK = """
    SELECT recovering OR current_setting('default_transaction_read_only')::boolean,
           CASE WHEN NOT recovering THEN substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) END,
           CASE WHEN NOT recovering THEN pg_current_wal_flush_lsn() - '0/0' END
    FROM (SELECT pg_is_in_recovery() AS recovering) AS node
"""


class Prober:
    """One thread and one kept connection a node, so that a node which hangs delays no other.

    A promotion keeps connections, so the first writable answer comes within an interval of the truth.
    `clock`: seconds since the load's start, callable from any thread. `connect`: a connection to a node,
    in autocommit, with a timeout.
    """

    def __init__(
        self, nodes: Iterable[str], connect: Callable[[str], Connection], clock: Callable[[], float]
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._ended = threading.Event()
        self._spells: dict[str, list[Spell]] = {node: [] for node in nodes}
        self._positions: dict[str, list[Position]] = {node: [] for node in self._spells}
        self._open: dict[str, Connection] = {}
        self._threads = [
            threading.Thread(target=self._watch, args=(node,), name=f"probe-{node}", daemon=True)
            for node in self._spells
        ]

    @property
    def spells(self) -> list[Spell]:
        """Everything seen so far. Safe from any thread: lists only grow, and are copied here."""
        return [spell for spells in self._spells.values() for spell in tuple(spells)]

    @property
    def positions(self) -> list[Position]:
        """How far the WAL of each node was that took writes, and when. Safe from any thread."""
        return [position for found in self._positions.values() for position in tuple(found)]

    def seen(self, node: str) -> Seen | None:
        """What a node answers; silent when it has not answered for a second, None before its first answer."""
        spells = tuple(self._spells[node])
        if not spells:
            return None
        return spells[-1].seen if spells[-1].last > self._clock() - _STALE else Seen.SILENT

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; a query that hangs on a frozen node is cut off."""
        self._ended.set()
        for thread in self._threads:
            thread.join(0.5)
        for connection in tuple(self._open.values()):
            _cut(connection)
        for thread in self._threads:
            thread.join(5)

    def _watch(self, node: str) -> None:
        spells = self._spells[node]
        while not self._ended.is_set():
            try:
                with contextlib.closing(self._connect(node)) as connection:
                    self._open[node] = connection
                    self._ask(connection, spells, node)
            except psycopg2.Error:
                note(spells, node, Seen.SILENT, self._clock())
                self._ended.wait(_RETRY)
            finally:
                self._open.pop(node, None)

    def _ask(self, connection: Connection, spells: list[Spell], node: str) -> None:
        with connection.cursor() as cursor:
            while not self._ended.is_set():
                asked_at = self._clock()
                cursor.execute(_ASK)
                row = cursor.fetchone()
                read_only = row is None or row[0]
                if row and row[1]:
                    self._positions[node].append(Position(asked_at, int(row[1], 16), int(row[2])))
                note(spells, node, Seen.READ_ONLY if read_only else Seen.WRITABLE, self._clock())
                self._ended.wait(INTERVAL)


def _cut(connection: Connection) -> None:
    """Shut the socket down below the driver, whose own close would wait for the server."""
    with (
        contextlib.suppress(OSError, psycopg2.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as copy,
    ):
        copy.shutdown(socket.SHUT_RDWR)
