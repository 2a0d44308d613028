"""A modelled PostgreSQL cluster: what is committed where, what was replicated, what is still open.

It models what matters to the question "was it saved?": a COMMIT is on the server's disk before it
is replicated, and replicated before it is answered (or not, in asynchronous mode); a link may die
at each of these moments; a server may go on with a transaction whose client is gone, and may get
its COMMIT late; a failover keeps a part of the log.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import psycopg2.errors
from odoo.addons.ha_failover.marker import table
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INTRANS

#: What may happen at an operation. "cut …": the link dies, and the server …
FATES: dict[str, tuple[str, ...]] = {
    "connect": ("ok", "ok", "refused"),
    "execute": ("ok", "ok", "ok", "cut", "conflict"),
    "mark": ("ok", "ok", "cut"),
    "commit": (
        "ok",
        "ok",
        "ok",
        "cut, rolled back",
        "cut, never hears it",
        "cut, hears it late",
        "cut, not replicated",
        "cut, replicated",
        "wait cancelled",
    ),
    "resolve": ("ok", "ok", "cut, rolled back", "cut, not replicated", "cut, replicated"),
    "end": ("ok", "cut"),
    "signal": ("ok", "ok", "cut"),
    "wait": ("ok",),
}

Ask = Callable[[str], str]
_local = threading.local()


def set_fate_of_this_thread(ask: Ask) -> None:
    _local.ask = ask


def fate(operation: str) -> str:
    """Stop here until the machine goes on with this thread; return what happens."""
    chosen: str = _local.ask(operation)
    return chosen


@dataclass
class Transaction:
    rows: list[Any] = field(default_factory=list)
    token: str | None = None
    resolution: bool = False


class Server:
    """One PostgreSQL: its log, how much of it a replica has, transactions that did not end."""

    def __init__(self, name: str, log: tuple[Transaction, ...] = ()) -> None:
        self.name = name
        self.log = list(log)
        self.replicated = len(self.log)
        self.up = True
        self.open: list[Transaction] = []
        #: those of ``open`` whose COMMIT is under way
        self.late: list[Transaction] = []

    def rows(self) -> list[Any]:
        return [row for done in self.log for row in done.rows]

    def commit(self, transaction: Transaction, *, replicate: bool) -> None:
        tokens = [done.token for done in self.log if done.token]
        assert transaction.token not in tokens, "the unique index let two pass"
        self.end(transaction)
        self.log.append(transaction)
        if replicate:
            self.replicated = len(self.log)

    def end(self, transaction: Transaction) -> None:
        for kept in (self.open, self.late):
            if transaction in kept:
                kept.remove(transaction)


class Cluster:
    """``synchronous``: a COMMIT is answered when it is replicated."""

    def __init__(self, synchronous: bool) -> None:
        self.synchronous = synchronous
        self.primary = Server("pg1")
        self._servers = 1

    def fail_over(self, keep: int) -> list[Transaction]:
        """A replica takes over; of what was not replicated it has ``keep``. Return what is lost."""
        old = self.primary
        old.up = False
        switch_point = min(len(old.log), old.replicated + keep)
        self._servers += 1
        self.primary = Server(f"pg{self._servers}", tuple(old.log[:switch_point]))
        return old.log[switch_point:]


class Connection:
    """As much of psycopg2's connection as Odoo and ha_failover use."""

    def __init__(self, cluster: Cluster, server: Server) -> None:
        self.cluster, self.server = cluster, server
        self.closed = False
        self.notices: list[str] = []
        self.autocommit = False
        self.transaction: Transaction | None = None

    def cursor(self) -> Cursor:
        return Cursor(self)

    def set_session(self, *, autocommit: bool, readonly: bool) -> None:
        self.autocommit = autocommit

    def get_transaction_status(self) -> int:
        return TRANSACTION_STATUS_INTRANS if self.transaction else TRANSACTION_STATUS_IDLE

    def close(self) -> None:
        self._forget()
        self.closed = True

    def check(self) -> None:
        if self.closed:
            raise psycopg2.InterfaceError("connection already closed")
        if not self.server.up:
            self.lose()

    def lose(self, *, forget: bool = True) -> None:
        if forget:
            self._forget()
        self.transaction, self.closed = None, True
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    def _forget(self) -> None:
        if self.transaction is not None:
            self.server.end(self.transaction)
        self.transaction = None

    def rollback(self) -> None:
        if self.closed:
            raise psycopg2.InterfaceError("connection already closed")
        self._forget()

    def commit(self) -> None:
        transaction = self.transaction
        if transaction is None:
            return
        chosen = fate("commit")
        self.check()
        server, written = self.server, bool(transaction.rows or transaction.token)
        if chosen == "cut, rolled back" or (not written and chosen.startswith("cut")):
            self.lose()
        elif chosen == "cut, never hears it":
            self.lose(forget=False)
        elif chosen == "cut, hears it late":
            server.late.append(transaction)
            self.lose(forget=False)
        elif chosen.startswith("cut"):
            server.commit(transaction, replicate=chosen == "cut, replicated")
            self.lose()
        else:
            cancelled = chosen == "wait cancelled" and written and self.cluster.synchronous
            server.commit(transaction, replicate=self.cluster.synchronous and not cancelled)
            self.transaction = None
            if cancelled:
                self.notices.append("WARNING:  canceling wait for synchronous replication")

    def begin(self) -> Transaction:
        if self.transaction is None:
            self.transaction = Transaction()
            self.server.open.append(self.transaction)
        return self.transaction


class Cursor:
    """As much of psycopg2's cursor. A statement is one of the marker's, or ("write", row)."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.statusmessage = "SELECT 1"
        self.query = b""
        self._answer: Any = None

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def close(self) -> None:
        pass

    def fetchone(self) -> Any:
        return self._answer

    def execute(self, statement: Any, parameters: Any = None) -> None:
        link = self.connection
        if statement == table.EXISTS:
            link.check()
            self._answer = (True,)
        elif statement == table.MARK:
            if fate("mark") == "cut" or not link.server.up:
                link.lose()
            link.check()
            link.begin().token = parameters[0]
        elif statement == table.RESOLVE:
            self._resolve(parameters[-1])
        elif statement == table.END_WAITING:
            if fate("end") == "cut" or not link.server.up:
                link.lose()
            link.check()
            for waiting in list(link.server.open):
                if waiting.token == parameters[0]:
                    link.server.end(waiting)
        else:
            self._run(*statement)

    def _run(self, verb: str, row: Any) -> None:
        link = self.connection
        chosen = fate("execute")
        link.check()
        if chosen == "cut":
            link.lose()
        if chosen == "conflict":
            raise psycopg2.errors.SerializationFailure("could not serialize access")
        transaction = link.begin()
        self.statusmessage = "SELECT 1"
        if verb == "write":
            transaction.rows.append(row)
            self.statusmessage = "INSERT 0 1"

    def _resolve(self, token: str) -> None:
        link = self.connection
        chosen = fate("resolve")
        link.check()
        server = link.server
        if chosen == "cut, rolled back":
            link.lose()
        if any(other.token == token for other in server.open):
            raise psycopg2.errors.LockNotAvailable("canceling statement due to lock timeout")
        found = next((done for done in server.log if done.token == token), None)
        if found is None:
            found = Transaction(token=token, resolution=True)
            server.commit(found, replicate=False)
        if link.cluster.synchronous and chosen != "cut, not replicated":
            server.replicated = len(server.log)
        if chosen.startswith("cut"):
            link.lose()
        self._answer = (found.resolution, "000000010000000000000001")
