"""The background thread of a process: it looks for an absent Redis, and tells Redis what it missed.

What processes without Redis wrote to PostgreSQL is *dirty* there. Before a process uses Redis again
it brings all of it to Redis, and for a minute it looks every second for what others still write.
In between, one process of the cluster looks every few seconds, for the case that only some of
them are cut off from Redis.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg2
from odoo.addons.ha_base import background

from .breaker import State
from .connection import FAILURES, Connection
from .errors import SessionStoreUnavailable
from .origins import Origins
from .postgres import table
from .postgres.databases import Databases, NoTable
from .redis_documents import RedisDocuments

_logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds between two questions whether Redis is back.
_PROBE = 0.5
#: Seconds between two looks for dirty rows: after an outage, and else (in one process of all).
_SOON = 1.0
_STEADY = 5.0
#: Seconds after an outage in which other processes may still be without Redis.
_AFTERMATH = 60.0
#: Rows touched so long before an outage are told again: Redis replicates asynchronously.
_MARGIN = 30.0
_BATCH = 500


class _Direct:
    """A connection that asks Redis once, whatever the breaker says."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.clustered = connection.clustered

    def call(self, _name: str, operation: Callable[[Any], T]) -> T:
        """The outcome of ``operation``."""
        return self._connection.run(operation)


class Watch:
    """Started by the first request of a process that needs a session."""

    def __init__(
        self, connection: Connection, prefix: str, databases: Databases, origins: Origins
    ) -> None:
        self._connection = connection
        self._turn_key = f"{prefix}:watch"
        self._documents = RedisDocuments(_Direct(connection), prefix)
        self._databases = databases
        self._origins = origins
        self._pid = 0
        self._lock = threading.Lock()
        self._settled: float | None = None

    def ensure(self) -> None:
        """Start the thread unless this process has it."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                background.start(self._run, "ha_session_redis.watch")

    def _run(self) -> None:
        while True:
            try:
                pause = self.turn(time.monotonic())
            except (*FAILURES, psycopg2.Error, SessionStoreUnavailable, OSError) as error:
                # The requests say that Redis is away; a database that is away is waited for.
                _logger.debug("Redis could not be told of the sessions it missed: %s", error)
                pause = _SOON
            except Exception:
                _logger.exception("Watching the session store failed; goes on")
                pause = _STEADY
            self._connection.wait(pause)

    def turn(self, now: float) -> float:
        """Do what is due; the seconds until the next turn."""
        breaker = self._connection.breaker
        if breaker.state is State.OPEN:
            if not self._connection.probe():
                return _PROBE
            self._bring_back(now - (breaker.since or now))
            return 0.0
        if breaker.state is State.WAITING:
            return _PROBE
        if breaker.ended is not None and now - breaker.ended < _AFTERMATH:
            recent = 0.0
            if self._settled != breaker.ended:
                recent = _MARGIN + _AFTERMATH
            self.reconcile(recent)
            self._settled = breaker.ended
            return _SOON
        milliseconds = int(_STEADY * 900)
        if self._connection.run(
            lambda client: client.set(self._turn_key, os.getpid(), nx=True, px=milliseconds)
        ):
            self.reconcile(0.0)
        return _STEADY

    def _bring_back(self, lasted: float) -> None:
        complete = False
        try:
            self.reconcile(lasted + _MARGIN)
            complete = True
        finally:
            self._connection.returned(complete=complete)
        self._settled = self._connection.breaker.ended

    def reconcile(self, recent: float) -> None:
        """Tell Redis of the ends and the documents that are dirty in PostgreSQL, or were touched
        in the last ``recent`` seconds.

        Ends first: nothing that is brought afterwards can undo one. A document is told by making
        Redis forget the identifier: its next use reads PostgreSQL's.
        """
        for name in self._databases.known():
            try:
                self._tell_ends(name, recent)
                self._tell_sessions(name, recent)
            except NoTable:
                continue
        self._origins.forget_absent()

    def _tell_ends(self, name: str, recent: float) -> None:
        after = ""
        while rows := self._rows(name, table.ENDS_TO_TELL, recent, after):
            identifiers = [identifier for (identifier,) in rows]
            self._documents.revoke(identifiers)
            self._execute(name, table.ENDS_TOLD, {"identifiers": identifiers})
            after = identifiers[-1]

    def _tell_sessions(self, name: str, recent: float) -> None:
        after = b""
        while rows := self._rows(name, table.SESSIONS_TO_TELL, recent, after):
            self._documents.forget(sorted({identifier for _, identifier, _, _ in rows}))
            told = [(bytes(digest), revision) for digest, _, revision, dirty in rows if dirty]
            if told:
                digests, revisions = zip(*told, strict=True)
                parameters = {"digests": list(digests), "revisions": list(revisions)}
                self._execute(name, table.SESSIONS_TOLD, parameters)
            after = bytes(rows[-1][0])

    def _rows(self, name: str, statement: str, recent: float, after: Any) -> list[tuple]:
        parameters = {"recent": recent, "after": after, "limit": _BATCH}

        def ask(cursor: Any) -> list[tuple]:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

        return self._databases.transaction(name, ask)

    def _execute(self, name: str, statement: str, parameters: dict[str, Any]) -> None:
        self._databases.transaction(name, lambda cursor: cursor.execute(statement, parameters))
