"""Sessions in whichever store answers: Redis, or PostgreSQL while it is away."""

from collections.abc import Callable
from typing import Any

from odoo.http import STORED_SESSION_BYTES, Session

from . import status
from .documents import Verdict
from .errors import SessionStoreUnavailable
from .fallback import Fallback
from .lifetimes import Lifetimes
from .origins import Origins
from .redis_documents import RedisDocuments


class Whichever:
    """Every method raises ``SessionStoreUnavailable`` when neither store can do it."""

    def __init__(
        self,
        documents: RedisDocuments,
        fallback: Fallback,
        origins: Origins,
        lifetimes: Lifetimes,
    ) -> None:
        self._documents = documents
        self._fallback = fallback
        self._origins = origins
        self._lifetimes = lifetimes

    def fetch(self, sid: str) -> bytes | str | None:
        """The document of a sid, None when nobody has it.

        :raises redis.ResponseError: when Redis has something else in its place
        """
        try:
            content = self._documents.fetch(sid)
            if content is not None:
                status.counters.hits += 1
                return content
            status.counters.misses += 1
            return self._origins.read_through(sid)
        except SessionStoreUnavailable:
            return self._fallback.fetch(sid)

    def put(self, session: Session, env: Any, operation: Callable[[Any, bool], Verdict]) -> Verdict:
        """The verdict of ``operation(documents, stored)``, in Redis or else in PostgreSQL."""
        stored = not session.is_new
        try:
            verdict = operation(self._documents, stored)
            if stored and verdict.word in ("unknown", "foreign"):
                # Redis lost it. A session that a process is saving may be dead all the same.
                found = self._origins.settle(session.sid, self._home(session, env))
                if found.word == "ended":
                    return found
                if found.word == "saved" or verdict.word == "unknown":
                    verdict = operation(self._documents, found.word == "saved")
            return verdict
        except SessionStoreUnavailable:
            return self._fallback.perform(
                self._home(session, env), lambda documents: operation(documents, stored)
            )

    def rotate(self, session: Session, env: Any, arguments: tuple[Any, ...]) -> Verdict:
        """Rotate the session's sid; ``arguments`` as of ``RedisDocuments.rotate``."""

        def rotate(documents: Any, stored: bool) -> Verdict:
            verdict = documents.rotate(*arguments, stored=stored)
            if verdict.word == "saved" and documents is self._documents:
                self._fallback.record_rotation(self._home(session, env), arguments)
            return verdict

        return self.put(session, env, rotate)

    def end(self, session: Session, env: Any, *, known: bool) -> None:
        """End the session, with its whole identifier where its sid has that power.

        :param known: tell PostgreSQL only of an identifier that it has documents of
        """
        sid, name = session.sid, self._home(session, env)
        identifiers = [sid[:STORED_SESSION_BYTES]]
        longest = self._lifetimes.longest()
        try:
            whole = self._documents.end(sid)
            if whole is None and not session.is_new and self._origins.owned_by_postgres(sid, name):
                # A process made Redis forget it, after an outage: PostgreSQL knows better.
                self._documents.revoke(identifiers)
                whole = True
            if whole:
                self._fallback.record_end(name, identifiers, longest, known=known)
        except SessionStoreUnavailable:
            whole = self._fallback.end(name, sid, longest)
        if whole:
            self._origins.files.drop_identifiers(identifiers)

    def revoke(self, identifiers: list[str]) -> None:
        """End every session of each identifier."""
        longest = self._lifetimes.longest()
        try:
            self._documents.revoke(identifiers)
            self._fallback.record_end(None, identifiers, longest, known=True)
        except SessionStoreUnavailable:
            self._fallback.revoke(identifiers, longest)
        self._origins.files.drop_identifiers(identifiers)

    def missing(self, identifiers: list[str]) -> set[str]:
        """Those of the identifiers that no session is left of anywhere."""
        try:
            alive = self._documents.alive(identifiers)
            identifiers = [
                name for name, lives in zip(identifiers, alive, strict=True) if not lives
            ]
        except SessionStoreUnavailable:
            self._fallback.require()
        return self._origins.files.missing(self._fallback.missing(identifiers))

    def _home(self, session: Session, env: Any) -> str | None:
        """The database of a session that is to be written."""
        if env is not None:
            return env.cr.dbname
        return session.get("db") or self._fallback.here()
