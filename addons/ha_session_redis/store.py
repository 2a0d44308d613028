"""Odoo 19's session store contract on Redis, with PostgreSQL behind it."""

import json
import logging
import time
from collections.abc import Iterable
from itertools import islice
from typing import Any

import redis
from odoo.http import (
    SESSION_DELETION_TIMER,
    SESSION_LIFETIME,
    STORED_SESSION_BYTES,
    FilesystemSessionStore,
    Session,
    _session_identifier_re,
)
from odoo.service import security
from odoo.tools._vendor.sessions import SessionStore

from .connection import Connection
from .documents import Verdict
from .fallback import Fallback
from .lifetimes import Lifetimes
from .login import LogIn
from .origins import Origins
from .postgres.databases import Databases
from .redis_documents import RedisDocuments
from .settings import Settings
from .watch import Watch
from .whichever import Whichever

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
        self._lifetimes = Lifetimes(settings, self._origins)
        self._sessions = Whichever(
            self.documents, Fallback(databases), self._origins, self._lifetimes
        )
        self._log_in = LogIn(self.documents, databases)
        self.watch = Watch(self.connection, settings.redis_prefix, databases, self._origins)
        self._watched = watched

    is_valid_key = FilesystemSessionStore.is_valid_key
    generate_key = FilesystemSessionStore.generate_key

    def get(self, sid: str) -> Session:
        """The session, or a new one where there is none (stock's ``renew_missing``)."""
        if not self.is_valid_key(sid):
            return self.new()
        if self._watched:
            self.watch.ensure()
        try:
            content = self._sessions.fetch(sid)
            if content is None:
                return self.new()
            data = json.loads(content)
            if not isinstance(data, dict):
                raise ValueError("no JSON object")
        except (ValueError, RecursionError, redis.ResponseError) as error:
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
        self._sessions.end(session, None, known=True)

    def rotate(self, session: Session, env: Any, soft: bool = False) -> None:
        """Give the session a new sid; see stock's method for the meaning of ``soft``."""
        if soft:
            self._rotate_soft(session, env)
            return
        self._sessions.end(session, env, known=False)
        session.sid = self.generate_key()
        self._renew(session, env)
        if session.uid:
            document, milliseconds = (
                json.dumps(dict(session)),
                self._lifetimes.milliseconds(session, env),
            )
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
            missing |= self._sessions.missing(batch)
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
            self._sessions.revoke(batch)

    # -- for a transfer of all sessions ---------------------------------------------------------

    def adopt_file(self, sid: str) -> bool:
        """Have Redis take over the session that stock Odoo keeps in a file."""
        return self._origins.adopt_file(sid)

    def inactivity(self, database: str | None) -> int:
        """``sessions.max_inactivity_seconds`` of a database, which is asked once."""
        return self._lifetimes.inactivity(database)

    # -- saving ---------------------------------------------------------------------------------

    def _save(self, session: Session, env: Any = None, *, sole: bool = False) -> None:
        sid = session.sid
        if not self.is_valid_key(sid):
            raise ValueError(f"Invalid session id {sid!r}")
        # The plain mapping: looking for what isn't there costs the session's own an exception.
        data = session._Session__data
        document = json.dumps(data)
        milliseconds = self._lifetimes.milliseconds(data, env)
        cursor = self._log_in.pending(sid)
        if cursor is not None:
            self._log_in(sid, document, milliseconds, cursor)
            return
        verdict = self._sessions.put(
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
            self._lifetimes.milliseconds(old, env),
            next_sid,
            json.dumps(dict(session)),
            self._lifetimes.milliseconds(session, env),
        )
        session.sid = sid
        verdict = self._sessions.rotate(session, env, arguments)
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


def _settled(verdict: Verdict) -> bool:
    """Whether any answer to the request that ended the session has long arrived.

    ``number``: seconds since the end; milliseconds left of a rotated document, below 0 when gone.
    """
    if verdict.word == "ended":
        return verdict.number >= SETTLING
    return verdict.word == "rotated" and verdict.number < 0
