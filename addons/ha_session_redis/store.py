"""Odoo 19's session store contract on Redis, with PostgreSQL behind it."""

import json
import logging
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import psycopg2
import redis
from odoo.http import (
    SESSION_DELETION_TIMER,
    SESSION_LIFETIME,
    STORED_SESSION_BYTES,
    FilesystemSessionStore,
    Session,
    _session_identifier_re,
    get_session_max_inactivity,
    request,
)
from odoo.service import security
from odoo.tools._vendor.sessions import SessionStore

from . import status
from .connection import Connection
from .documents import Verdict
from .errors import SessionStoreUnavailable
from .fallback import Fallback
from .lifetime import lifetime
from .login import LogIn
from .origins import Origins
from .postgres.databases import Databases
from .redis_documents import RedisDocuments
from .settings import Settings
from .watch import Watch

_logger = logging.getLogger(__name__)

#: Seconds after the end of a session in which its client may still be waiting for the cookie of
#: the next one (a login, a rotation): no other cookie may be set meanwhile.
SETTLING = 60
_BATCH = 1000


class RedisSessionStore(SessionStore):
    """Sessions in Redis. Safe to be called from many threads, processes and nodes at once.

    While Redis is away the sessions are in PostgreSQL. Where that can't be (the app isn't
    installed in the database), every method raises ``SessionStoreUnavailable`` (503).
    """

    def __init__(self, settings: Settings, *, watched: bool = False) -> None:
        """:param watched: start the watch at the first use; without it nothing looks for a Redis
        that went away
        """
        super().__init__(session_class=Session)
        self._settings = settings
        self.connection = Connection(settings)
        self.documents = RedisDocuments(self.connection, settings.redis_prefix)
        databases = Databases()
        self._origins = Origins(settings, self.documents, databases)
        self._fallback = Fallback(databases)
        self._log_in = LogIn(self.documents, databases)
        self.watch = Watch(self.connection, settings.redis_prefix, databases, self._origins)
        self._watched = watched
        self._inactivity: dict[str | None, int] = {}

    is_valid_key = FilesystemSessionStore.is_valid_key
    generate_key = FilesystemSessionStore.generate_key

    def get(self, sid: str) -> Session:
        """The session, or a new one where there is none (stock's ``renew_missing``)."""
        if not self.is_valid_key(sid):
            return self.new()
        if self._watched:
            self.watch.ensure()
        try:
            content = self._read(sid)
            if content is None:
                return self.new()
            data = json.loads(content)
            if not isinstance(data, dict):
                raise ValueError("no JSON object")
        except (ValueError, redis.ResponseError) as error:
            _logger.warning(
                "The session %s… in Redis is no session, it starts empty: %s", sid[:6], error
            )
            data = {}
        session = self.session_class({}, sid, False)
        # Not by the constructor: it copies each value through JSON, where these just come from.
        session._Session__data.update(data)
        return session

    def save(self, session: Session) -> None:
        """Write the whole document, unless the session has ended meanwhile.

        A session that was logged out or revoked since this request read it stays dead, and its
        client gets no cookie. One that was rotated is saved under its next sid.
        """
        self._save(session)

    def delete(self, session: Session) -> None:
        """End this session for good, with the other sids of its rotation."""
        self._end(session, None, known=True)

    def rotate(self, session: Session, env: Any, soft: bool = False) -> None:
        """Give the session a new sid; see stock's method for the meaning of ``soft``."""
        if soft:
            self._rotate_soft(session, env)
            return
        self._end(session, env, known=False)
        session.sid = self.generate_key()
        self._renew(session, env)
        if session.uid:
            document, milliseconds = json.dumps(dict(session)), self._milliseconds(session, env)
            self._log_in(session.sid, document, milliseconds, env.cr)
        else:
            self._save(session, env)

    def delete_old_sessions(self, session: Session) -> None:
        """Drop what a rotation left behind, once the time for it is over."""
        if (
            "gc_previous_sessions" in session
            and session["create_time"] + SESSION_DELETION_TIMER < time.time()
        ):
            del session["gc_previous_sessions"]
            self._save(session, sole=True)

    def vacuum(self, max_lifetime: int = SESSION_LIFETIME) -> None:
        """Nothing to do: each document carries its own lifetime in Redis."""

    def get_missing_session_identifiers(self, identifiers: Iterable[str]) -> set[str]:
        """Those of ``identifiers`` (42 characters each) that no session is left of anywhere."""
        missing = set()
        remaining = iter(set(identifiers))
        while batch := list(islice(remaining, _BATCH)):
            try:
                alive = self.documents.alive(batch)
                batch = [name for name, lives in zip(batch, alive, strict=True) if not lives]
            except SessionStoreUnavailable:
                self._fallback.require()
            missing |= self._origins.files.missing(self._fallback.missing(batch))
        return missing

    def delete_from_identifiers(self, identifiers: Iterable[str]) -> None:
        """End every session of each identifier (42 characters)."""
        identifiers = list(identifiers)
        for identifier in identifiers:
            if not _session_identifier_re.match(identifier):
                raise ValueError(
                    "Identifier format incorrect, did you pass in a string instead of a list?"
                )
        remaining = iter(identifiers)
        while batch := list(islice(remaining, _BATCH)):
            try:
                self.documents.revoke(batch)
                self._fallback.record_end(None, batch, self._longest(), known=True)
            except SessionStoreUnavailable:
                self._fallback.revoke(batch, self._longest())
            self._origins.files.drop_identifiers(batch)

    # -- for a transfer of all sessions ---------------------------------------------------------

    def adopt_file(self, sid: str) -> bool:
        """Have Redis take over the session that stock Odoo keeps in a file."""
        return self._origins.adopt_file(sid)

    def inactivity(self, database: str | None) -> int:
        """``sessions.max_inactivity_seconds`` of a database, which is asked once."""
        if database not in self._inactivity:
            self._inactivity[database] = self._origins.inactivity(database)
        return self._inactivity[database]

    # -- reading and writing in whichever store answers -----------------------------------------

    def _read(self, sid: str) -> bytes | str | None:
        try:
            content = self.documents.fetch(sid)
            if content is not None:
                status.counters.hits += 1
                return content
            status.counters.misses += 1
            return self._origins.read_through(sid)
        except SessionStoreUnavailable:
            return self._fallback.fetch(sid)

    def _write(
        self, session: Session, env: Any, operation: Callable[[Any, bool], Verdict]
    ) -> Verdict:
        """The verdict of ``operation(documents, stored)``, in Redis or else in PostgreSQL."""
        stored = not session.is_new
        try:
            verdict = operation(self.documents, stored)
            if stored and verdict.word in ("unknown", "foreign"):
                # Redis lost it. A session that a process is saving may be dead all the same.
                found = self._origins.settle(session.sid, self._home(session, env))
                if found.word == "ended":
                    return found
                if found.word == "saved" or verdict.word == "unknown":
                    verdict = operation(self.documents, found.word == "saved")
            return verdict
        except SessionStoreUnavailable:
            return self._fallback.perform(
                self._home(session, env), lambda documents: operation(documents, stored)
            )

    def _end(self, session: Session, env: Any, *, known: bool) -> None:
        sid, name = session.sid, self._home(session, env)
        identifiers = [sid[:STORED_SESSION_BYTES]]
        try:
            whole = self.documents.end(sid)
            if whole is None and not session.is_new and self._origins.owned_by_postgres(sid, name):
                # A process made Redis forget it, after an outage: PostgreSQL knows better.
                self.documents.revoke(identifiers)
                whole = True
            if whole:
                self._fallback.record_end(name, identifiers, self._longest(), known=known)
                self._origins.files.drop_identifiers(identifiers)
        except SessionStoreUnavailable:
            if self._fallback.end(name, sid, self._longest()):
                self._origins.files.drop_identifiers(identifiers)

    def _home(self, session: Session, env: Any) -> str | None:
        """The database of a session that is to be written."""
        if env is not None:
            return env.cr.dbname
        return session.get("db") or self._fallback.here()

    # -- saving ---------------------------------------------------------------------------------

    def _save(self, session: Session, env: Any = None, *, sole: bool = False) -> None:
        sid = session.sid
        if not self.is_valid_key(sid):
            raise ValueError(f"Invalid session id {sid!r}")
        document = json.dumps(session._Session__data)
        milliseconds = self._milliseconds(session, env)
        cursor = self._log_in.pending(sid)
        if cursor is not None:
            self._log_in(sid, document, milliseconds, cursor)
            return
        verdict = self._write(
            session,
            env,
            lambda documents, stored: documents.save(
                sid, document, milliseconds, stored=stored, sole=sole
            ),
        )
        if verdict.word == "saved":
            return
        if verdict.word == "rotated" and session.uid and not session.is_new:
            self._save_to_successor(session, verdict.rest, env)
        elif session.is_new and (verdict.word == "foreign" or _settled(verdict)):
            # The client came with the sid of a session that had ended before: it needs another.
            session.sid = self.generate_key()
            self._save(session, env)
        else:
            self._forget(session, verdict.word)

    def _save_to_successor(self, session: Session, rest: str, env: Any) -> None:
        """Another request rotated the session since this one read it: go on with the new sid."""
        sid = session.sid[:STORED_SESSION_BYTES] + rest
        successor = self.get(sid)
        if successor.is_new:
            self._forget(session, "ended")
            return
        for name in ("next_sid", "deletion_time", "gc_previous_sessions"):
            session.pop(name, None)
        for name in ("session_token", "create_time", "gc_previous_sessions"):
            if name in successor:
                session[name] = successor[name]
        session.sid = sid
        self._save(session, env)

    def _forget(self, session: Session, word: str) -> None:
        """Leave the client's cookie alone: ``_save_session`` sets one for dirty sessions only."""
        _logger.info(
            "The session %s… was not saved, it has %s meanwhile",
            session.sid[:6],
            "been rotated" if word == "rotated" else "ended",
        )
        session.is_dirty = False
        session.should_rotate = False

    # -- rotation -------------------------------------------------------------------------------

    def _rotate_soft(self, session: Session, env: Any) -> None:
        sid, dirty = session.sid, session.is_dirty
        for name in ("next_sid", "deletion_time"):
            session.pop(name, None)
        before = dict(session)
        next_sid = sid[:STORED_SESSION_BYTES] + self.generate_key()[STORED_SESSION_BYTES:]
        old = before | {
            "next_sid": next_sid,
            "deletion_time": time.time() + SESSION_DELETION_TIMER,
        }
        session.sid = next_sid
        session["gc_previous_sessions"] = True
        self._renew(session, env)
        arguments = (
            sid,
            json.dumps(old),
            self._milliseconds(old, env),
            next_sid,
            json.dumps(dict(session)),
            self._milliseconds(session, env),
        )
        session.sid = sid

        def rotate(documents: Any, stored: bool) -> Verdict:
            verdict = documents.rotate(*arguments, stored=stored)
            if verdict.word == "saved" and documents is self.documents:
                self._fallback.record_rotation(self._home(session, env), arguments)
            return verdict

        verdict = self._write(session, env, rotate)
        successor = sid[:STORED_SESSION_BYTES] + verdict.rest
        if verdict.word == "saved" or (verdict.word == "rotated" and successor == next_sid):
            session.sid = next_sid  # rotated: by this very call, whose first answer was lost
            self._origins.files.drop([sid])
            return
        session.clear()
        session.update(before)
        if verdict.word != "rotated":
            self._forget(session, verdict.word)
        elif dirty:
            self._save_to_successor(session, verdict.rest, env)
        else:
            # As stock does: the concurrent request's sid goes into this client's cookie too.
            session.sid = successor
            session.is_dirty = False

    def _renew(self, session: Session, env: Any) -> None:
        if session.uid:
            assert env, "saving this session requires an environment"
            session.session_token = security.compute_session_token(session, env)
        session.should_rotate = False
        session["create_time"] = time.time()

    # -- lifetime -------------------------------------------------------------------------------

    def _milliseconds(self, session: Any, env: Any) -> int:
        seconds = lifetime(
            session,
            inactivity=self._max_inactivity(session.get("db"), env),
            anonymous=self._settings.session_anonymous_lifetime,
            now=time.time(),
        )
        return int(seconds * 1000)

    def _max_inactivity(self, db: str | None, env: Any) -> int:
        """``sessions.max_inactivity_seconds`` of the session's database, as last seen here."""
        if env is None and request:
            env = request.env
        if env is not None and not env.cr._closed and env.cr.dbname == db:
            try:
                self._inactivity[db] = get_session_max_inactivity(env)
            except psycopg2.Error:
                _logger.debug("The transaction can't answer, the last value counts", exc_info=True)
        return self._inactivity.get(db, SESSION_LIFETIME)

    def _longest(self) -> int:
        """Seconds for which an end must be remembered: no session was to live longer."""
        return max([SESSION_LIFETIME, *self._inactivity.values()])


def _settled(verdict: Verdict) -> bool:
    """Whether any answer to the request that ended the session has long arrived.

    ``number``: seconds since the end; milliseconds left of a rotated document, below 0 when gone.
    """
    if verdict.word == "ended":
        return verdict.number >= SETTLING
    return verdict.word == "rotated" and verdict.number < 0
