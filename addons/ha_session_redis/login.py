"""A login's session: it stands when its transaction is committed, and not before.

Odoo saves the session before it commits. So the document in Redis is provisional: it lives a few
minutes unless a hook after COMMIT confirms it, and a hook after ROLLBACK ends it at once. Where
the connection to the database dies neither hook runs and the short life remains. The row in
PostgreSQL is part of the transaction itself.
"""

import logging
from typing import Any

from odoo.http import request

from . import status
from .errors import SessionStoreUnavailable
from .postgres.databases import Databases
from .postgres.documents import PostgresDocuments
from .redis_documents import RedisDocuments

_logger = logging.getLogger(__name__)

#: Milliseconds for which a login's session lives without its COMMIT: longer than one takes, a
#: failover of the database included.
PROVISIONAL = 300_000

#: Where a request remembers (sid, cursor) of a login that wasn't committed yet.
_PENDING = "_ha_pending_login"


class LogIn:
    """Stores the session of a login."""

    def __init__(self, documents: RedisDocuments, databases: Databases) -> None:
        self._documents = documents
        self._databases = databases

    def pending(self, sid: str) -> Any:
        """The cursor whose COMMIT the present request's login with this sid still waits for."""
        pending = getattr(request, _PENDING, None) if request else None
        return pending[1] if pending and pending[0] == sid else None

    def __call__(self, sid: str, document: str, milliseconds: int, cursor: Any) -> None:
        """Store the session of a sid that is new in the world; again as long as it is pending.

        :param cursor: of the transaction that logs in

        :raises SessionStoreUnavailable: when neither store can have it
        """
        if request:
            pending = getattr(request, _PENDING, None)
            if pending and pending[0] != sid:
                self._undo(pending[0])  # of an attempt that is being replayed
            setattr(request, _PENDING, (sid, cursor))
        degraded = False
        try:
            self._documents.save(sid, document, min(milliseconds, PROVISIONAL), stored=False)
        except SessionStoreUnavailable:
            degraded = True
        keeps = self._databases.has_tables(cursor.dbname, cursor)
        if degraded and not keeps:
            raise SessionStoreUnavailable
        if keeps:
            self._insert(cursor, sid, document, milliseconds, degraded)
        status.counters.fallback_writes += degraded
        cursor.postcommit.add(lambda: self._confirm(sid, milliseconds, degraded))
        cursor.postrollback.add(lambda: self._undo(sid))

    def _insert(
        self, cursor: Any, sid: str, document: str, milliseconds: int, degraded: bool
    ) -> None:
        def work(cursor: Any) -> None:
            PostgresDocuments(cursor, dirty=degraded).insert(sid, document, milliseconds)

        if getattr(cursor, "readonly", False):
            self._databases.transaction(cursor.dbname, work)
        else:
            work(cursor)

    def _confirm(self, sid: str, milliseconds: int, degraded: bool) -> None:
        if self.pending(sid):
            setattr(request, _PENDING, None)
        if degraded:
            return
        try:
            self._documents.confirm(sid, milliseconds)
        except SessionStoreUnavailable:
            # PostgreSQL has it; without the app's table it ends with its provisional life.
            _logger.warning("Redis went away while the session %s… was committed", sid[:6])

    def _undo(self, sid: str) -> None:
        """End what was never logged in, and take back its cookie."""
        if request:
            setattr(request, _PENDING, None)
            headers = request.future_response.headers
            cookies = headers.getlist("Set-Cookie")
            if any(sid in cookie for cookie in cookies):
                headers.setlist("Set-Cookie", [one for one in cookies if sid not in one])
        try:
            self._documents.end(sid)
        except SessionStoreUnavailable:
            _logger.info("The session %s… of a login that was undone ends by itself", sid[:6])
