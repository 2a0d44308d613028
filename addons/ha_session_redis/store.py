"""Odoo 19's session store contract on Redis."""

import json
import logging
import time
from collections.abc import Iterable
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

from . import scripts
from .connection import Connection
from .lifetime import lifetime
from .settings import Settings

_logger = logging.getLogger(__name__)

#: Seconds after the end of a session in which its client may still be waiting for the cookie of
#: the next one (a login, a rotation): no other cookie may be set meanwhile.
SETTLING = 60
_BATCH = 1000


class RedisSessionStore(SessionStore):
    """Sessions in Redis. Safe to be called from many threads, processes and nodes at once.

    Every method that talks to Redis raises ``SessionStoreUnavailable`` (503) when it stays away.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(session_class=Session)
        self._settings = settings
        self._connection = Connection(settings)
        self._inactivity: dict[str | None, int] = {}

    is_valid_key = FilesystemSessionStore.is_valid_key
    generate_key = FilesystemSessionStore.generate_key

    def get(self, sid: str) -> Session:
        """The session, or a new one where there is none (stock's ``renew_missing``)."""
        if not self.is_valid_key(sid):
            return self.new()
        key = self._document(sid)
        try:
            content = self._connection.call(lambda client: client.get(key))
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
        return self.session_class(data, sid, False)

    def save(self, session: Session) -> None:
        """Write the whole document, unless the session has ended meanwhile.

        A session that was logged out or revoked since this request read it stays dead, and its
        client gets no cookie. One that was rotated is saved under its next sid.
        """
        self._save(session)

    def delete(self, session: Session) -> None:
        """End this session for good, with the other sids of its rotation."""
        sid = session.sid
        self._run(scripts.END, sid, sid[STORED_SESSION_BYTES:])

    def rotate(self, session: Session, env: Any, soft: bool = False) -> None:
        """Give the session a new sid; see stock's method for the meaning of ``soft``."""
        if soft:
            self._rotate_soft(session, env)
            return
        self.delete(session)
        session.sid = self.generate_key()
        self._renew(session, env)
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
        """Those of ``identifiers`` (42 characters each) that no session is left of."""
        missing = set()
        remaining = iter(set(identifiers))
        while batch := list(islice(remaining, _BATCH)):
            alive = self._run_each(scripts.ALIVE, batch)
            missing.update(name for name, lives in zip(batch, alive, strict=True) if not lives)
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
            self._run_each(scripts.REVOKE, batch)

    # -- saving ---------------------------------------------------------------------------------

    def _save(self, session: Session, env: Any = None, *, sole: bool = False) -> None:
        if not self.is_valid_key(session.sid):
            raise ValueError(f"Invalid session id {session.sid!r}")
        verdict, rest, number = self._run(
            scripts.SAVE,
            session.sid,
            session.sid[STORED_SESSION_BYTES:],
            json.dumps(dict(session)),
            self._milliseconds(session, env),
            "sole" if sole else "",
        )
        if verdict == b"saved":
            return
        if verdict == b"rotated" and session.uid and not session.is_new:
            self._save_to_successor(session, rest.decode(), env)
        elif session.is_new and (verdict == b"foreign" or _settled(verdict, number)):
            # The client came with the sid of a session that had ended before: it needs another.
            session.sid = self.generate_key()
            self._save(session, env)
        else:
            self._forget(session, verdict)

    def _save_to_successor(self, session: Session, rest: str, env: Any) -> None:
        """Another request rotated the session since this one read it: go on with the new sid."""
        sid = session.sid[:STORED_SESSION_BYTES] + rest
        successor = self.get(sid)
        if successor.is_new:
            self._forget(session, b"ended")
            return
        for name in ("next_sid", "deletion_time", "gc_previous_sessions"):
            session.pop(name, None)
        for name in ("session_token", "create_time", "gc_previous_sessions"):
            if name in successor:
                session[name] = successor[name]
        session.sid = sid
        self._save(session, env)

    def _forget(self, session: Session, verdict: bytes) -> None:
        """Leave the client's cookie alone: ``_save_session`` sets one for dirty sessions only."""
        _logger.info(
            "The session %s… was not saved, it has %s meanwhile",
            session.sid[:6],
            "been rotated" if verdict == b"rotated" else "ended",
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
        verdict, rest, _number = self._run(
            scripts.ROTATE,
            sid,
            sid[STORED_SESSION_BYTES:],
            json.dumps(old),
            self._milliseconds(old, env),
            next_sid[STORED_SESSION_BYTES:],
            json.dumps(dict(session)),
            self._milliseconds(session, env),
        )
        if verdict == b"saved":
            return
        winner = sid[:STORED_SESSION_BYTES] + rest.decode()
        if verdict == b"rotated" and winner == next_sid:
            return  # by this very call, whose first answer was lost
        session.sid = sid
        session.clear()
        session.update(before)
        if verdict != b"rotated":
            self._forget(session, verdict)
        elif dirty:
            self._save_to_successor(session, rest.decode(), env)
        else:
            # As stock does: the concurrent request's sid goes into this client's cookie too.
            session.sid = winner
            session.is_dirty = False

    def _renew(self, session: Session, env: Any) -> None:
        if session.uid:
            assert env, "saving this session requires an environment"
            session.session_token = security.compute_session_token(session, env)
        session.should_rotate = False
        session["create_time"] = time.time()

    # -- Redis ----------------------------------------------------------------------------------

    def _document(self, sid: str) -> str:
        identifier, rest = sid[:STORED_SESSION_BYTES], sid[STORED_SESSION_BYTES:]
        return f"{self._settings.redis_prefix}:session:{{{identifier}}}:{rest}"

    def _index(self, identifier: str) -> str:
        return f"{self._settings.redis_prefix}:sessions:{{{identifier}}}"

    def _run(self, script: str, sid: str, *arguments: Any) -> Any:
        keys = (self._document(sid), self._index(sid[:STORED_SESSION_BYTES]))

        def operation(client: redis.Redis) -> Any:
            try:
                return client.evalsha(scripts.digest(script), 2, *keys, *arguments)
            except redis.exceptions.NoScriptError:  # a new or restarted server
                return client.eval(script, 2, *keys, *arguments)

        return self._connection.call(operation)

    def _run_each(self, script: str, identifiers: list[str]) -> list[Any]:
        """One round trip for a batch of identifiers."""

        def operation(client: redis.Redis) -> list[Any]:
            client.script_load(script)
            pipeline = client.pipeline(transaction=False)
            for identifier in identifiers:
                keys = (self._document(identifier), self._index(identifier))
                pipeline.evalsha(scripts.digest(script), 2, *keys, "")
            return pipeline.execute()

        return self._connection.call(operation)

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


def _settled(verdict: bytes, number: int) -> bool:
    """Whether any answer to the request that ended the session has long arrived.

    ``number``: seconds since the end; milliseconds left of a rotated document, below 0 when gone.
    """
    return number >= SETTLING if verdict == b"ended" else verdict == b"rotated" and number < 0
