"""PostgreSQL as the session store: what is written through to it, and what it does alone."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from . import status
from .documents import Verdict
from .errors import SessionStoreUnavailable
from .postgres.databases import Databases, NoTable
from .postgres.documents import PostgresDocuments

_logger = logging.getLogger(__name__)

T = TypeVar("T")


class Fallback:
    """Sessions in the databases in which the app is installed.

    ``record_…`` follow what was done in Redis, in transactions of their own: neither a rotation
    nor the end of a session is undone when the request that caused it is rolled back. They fail
    with a line in the log only. The others are for when Redis is away, and raise
    ``SessionStoreUnavailable`` where the app isn't installed.
    """

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    def here(self) -> str | None:
        """The database that this thread works for."""
        return self._databases.here()

    # -- beside Redis ---------------------------------------------------------------------------

    def record_rotation(self, name: str | None, arguments: tuple[Any, ...]) -> None:
        """A sid was rotated in Redis; ``arguments`` as there."""
        self._record(name, lambda documents: documents.rotate(*arguments, stored=True))

    def record_end(
        self, name: str | None, identifiers: list[str], seconds: int, *, known: bool
    ) -> None:
        """Identifiers ended in Redis.

        :param name: their database; None for wherever they are
        :param known: only those that PostgreSQL has documents of
        """
        for database in [name] if name else self._here_or_known():
            self._record(
                database, lambda documents: documents.revoke(identifiers, seconds, known=known)
            )

    def _record(self, name: str | None, work: Callable[[PostgresDocuments], Any]) -> None:
        try:
            if name is not None and self._databases.has_tables(name):
                self._databases.transaction(
                    name, lambda cursor: work(PostgresDocuments(cursor, dirty=False))
                )
        except (NoTable, SessionStoreUnavailable) as error:
            _logger.warning(
                "Redis has a change of a session that database %s could not be told of: %s",
                name,
                error.__cause__ or error,
            )

    # -- instead of Redis -----------------------------------------------------------------------

    def fetch(self, sid: str) -> str | None:
        """The document of a sid; None only when no database of this host has it."""
        candidates = self._databases.candidates()
        complete = bool(candidates)
        for name in candidates:
            if not self._databases.has_tables(name):
                complete = False
                continue
            found = self._run(name, lambda documents: documents.fetch(sid))
            if found is not None:
                status.counters.fallback_reads += 1
                return found[0]
        if not complete:
            raise SessionStoreUnavailable
        return None

    def perform(self, name: str | None, work: Callable[[PostgresDocuments], Verdict]) -> Verdict:
        """The verdict of ``work`` on that database's documents."""
        status.counters.fallback_writes += 1
        return self._run(name, work)

    def end(self, name: str | None, sid: str, seconds: int) -> bool:
        """End a sid; True when that ended its whole identifier."""
        status.counters.fallback_writes += 1
        return self._run(name, lambda documents: documents.end(sid, seconds))

    def revoke(self, identifiers: list[str], seconds: int) -> None:
        """End every session of each identifier."""
        names = self.require()
        status.counters.fallback_writes += 1
        for name in names:
            self._run(name, lambda documents: documents.revoke(identifiers, seconds))

    def missing(self, identifiers: list[str]) -> list[str]:
        """Those of the identifiers that no session lives of in PostgreSQL."""
        for name in self._here_or_known():
            if identifiers and self._databases.has_tables(name):
                identifiers = self._run(
                    name, partial(PostgresDocuments.missing, wanted=identifiers)
                )
        return identifiers

    def require(self) -> list[str]:
        """The databases that keep sessions, where this thread works.

        :raises SessionStoreUnavailable: when there is none
        """
        names = [name for name in self._here_or_known() if self._databases.has_tables(name)]
        if not names:
            raise SessionStoreUnavailable
        return names

    def _here_or_known(self) -> list[str]:
        here = self._databases.here()
        return [here] if here else self._databases.known()

    def _run(self, name: str | None, work: Callable[[PostgresDocuments], T]) -> T:
        if name is None or not self._databases.has_tables(name):
            raise SessionStoreUnavailable
        try:
            return self._databases.transaction(
                name, lambda cursor: work(PostgresDocuments(cursor, dirty=True))
            )
        except NoTable as error:
            raise SessionStoreUnavailable from error
