"""Where a session comes from that Redis does not have: PostgreSQL, or stock Odoo's files.

Taken over at its first use, with the life it has left. So Redis may lose its data, or be new,
and nobody is logged out.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from odoo.http import SESSION_LIFETIME

from . import status
from .documents import Verdict, digest
from .files import Files
from .lifetime import SHORTEST, lifetime
from .postgres import table
from .postgres.databases import Databases, NoTable
from .postgres.documents import PostgresDocuments
from .redis_documents import RedisDocuments
from .settings import Settings

#: Seconds for which a sid that was found nowhere isn't looked for again, and how many of them are
#: remembered: visitors carry sids that were never stored.
_ABSENT_FOR = 600.0
_ABSENT_MOST = 8192


class Origins:
    """Looks a sid up outside Redis and has Redis adopt it."""

    def __init__(self, settings: Settings, documents: RedisDocuments, databases: Databases) -> None:
        self.files = Files()
        self._settings = settings
        self._documents = documents
        self._databases = databases
        self._absent: dict[bytes, float] = {}

    def forget_absent(self) -> None:
        """Others may have stored sessions meanwhile."""
        self._absent.clear()

    def read_through(self, sid: str) -> bytes | str | None:
        """The document that Redis did not have a moment ago, None where nobody has it.

        :raises SessionStoreUnavailable: when Redis or a database does not answer
        """
        key, now = digest(sid), time.monotonic()
        if now - self._absent.get(key, -_ABSENT_FOR) < _ABSENT_FOR:
            return None
        document = self._adopt_from_postgres(sid, self._databases.candidates())
        if document is not None or self.adopt_file(sid):
            # After an outage each process makes Redis forget what it may have wrong: perhaps this, again.
            return self._documents.fetch(sid) or document
        if len(self._absent) >= _ABSENT_MOST:
            self._absent.clear()
        self._absent[key] = now
        return None

    def settle(self, sid: str, database: str | None) -> Verdict:
        """What PostgreSQL knows of a sid that Redis lost: ``saved`` when Redis has it again,
        ``ended``, or ``unknown``."""
        if database and self._adopt_from_postgres(sid, [database]) is not None:
            return Verdict("saved")
        ended = self._ask_postgres(database, lambda documents: documents.has_ended(sid))
        return Verdict("ended" if ended else "unknown")

    def owned_by_postgres(self, sid: str, database: str | None) -> bool:
        """Does PostgreSQL have this sid as one that may end its identifier?"""
        return bool(self._ask_postgres(database, lambda documents: documents.owns(sid)))

    def _ask_postgres(self, database: str | None, work: Callable[[PostgresDocuments], Any]) -> Any:
        """What ``work`` finds in the database; None where the app isn't installed."""
        if database is None or not self._databases.has_tables(database):
            return None
        try:
            return self._databases.transaction(
                database, lambda cursor: work(PostgresDocuments(cursor, dirty=False))
            )
        except NoTable:
            return None

    def _adopt_from_postgres(self, sid: str, names: list[str]) -> str | None:
        """The document that Redis took over."""
        for name in names:
            found = self._ask_postgres(name, lambda documents: documents.fetch(sid))
            # Not in the grace: Redis had it for as long as it may live.
            if found is not None and found[1] > 0:
                return found[0] if self._adopt(sid, *found, vouched=True) else None
        return None

    def adopt_file(self, sid: str) -> bool:
        """Have Redis take over a session in a file; False where there is none that lives."""
        found = self.files.fetch(sid)
        if found is None:
            return False
        session, age = found
        seconds = lifetime(
            session,
            inactivity=self.inactivity(session.get("db")),
            anonymous=self._settings.session_anonymous_lifetime,
            now=time.time(),
        )
        if "deletion_time" not in session:
            seconds -= age
        if seconds <= SHORTEST:
            return False
        return self._adopt(sid, json.dumps(session), int(seconds * 1000), vouched=False)

    def _adopt(self, sid: str, document: str, milliseconds: int, *, vouched: bool) -> bool:
        next_sid = json.loads(document).get("next_sid")
        adopted = self._documents.adopt(
            sid, document, milliseconds, next_sid=next_sid, vouched=vouched
        )
        status.counters.adopted += adopted
        return adopted

    def inactivity(self, database: str | None) -> int:
        """``sessions.max_inactivity_seconds`` of a database that need not be loaded here."""

        def ask(cursor: Any) -> int:
            cursor.execute(table.INACTIVITY)
            row = cursor.fetchone()
            return int(row[0]) if row else SESSION_LIFETIME

        try:
            return self._databases.transaction(database, ask) if database else SESSION_LIFETIME
        except (NoTable, ValueError):
            return SESSION_LIFETIME
