"""Session documents in one database: the operations of ``RedisDocuments``, in SQL."""

import json
from typing import Any

from odoo.http import SESSION_ROTATION_INTERVAL, STORED_SESSION_BYTES

from ..documents import Verdict, digest, seal
from ..scripts import KEEP
from . import table

#: How much longer than it says a session is read while Redis is away (milliseconds): Redis prolongs
#: it at each save, PostgreSQL learns of that at the next rotation only.
_GRACE = SESSION_ROTATION_INTERVAL * 1000
#: An old sid with less than this left has no power over the new one (milliseconds), as in Redis.
_POWERLESS = 10000


class PostgresDocuments:
    """Documents by sid, through one cursor. Raises what psycopg2 does.

    :param dirty: mark what is written as something that Redis must still learn of
    """

    def __init__(self, cursor: Any, *, dirty: bool) -> None:
        self._cursor = cursor
        self._dirty = dirty

    def fetch(self, sid: str) -> tuple[str, int] | None:
        """(document, milliseconds left) of a sid that is alive; not above 0 only in the grace."""
        ended, document, sealed, left, _others = self._look(sid)
        if ended is not None or document is None:
            return None
        if sealed is None:
            return (document, left) if left > -_GRACE else None
        if left <= 0:
            return None
        session = json.loads(document)
        session["next_sid"] = _next_sid(sid, sealed)
        return json.dumps(session), left

    def save(
        self, sid: str, document: str, milliseconds: int, *, stored: bool, sole: bool = False
    ) -> Verdict:
        """Write one document, unless the sid has ended or was rotated.

        ``sole`` asks for nothing here: rotated documents end by their own time.
        """
        del sole
        verdict = self._refusal(sid, new=not stored)
        if verdict is None and not self._write(sid, document, milliseconds):
            verdict = self._refusal(sid, new=False)  # rotated this very moment
        return verdict or Verdict("saved")

    def rotate(
        self,
        sid: str,
        document: str,
        milliseconds: int,
        next_sid: str,
        next_document: str,
        next_milliseconds: int,
        *,
        stored: bool,
    ) -> Verdict:
        """Write the old sid's document and the next one's."""
        verdict = self._refusal(sid, new=not stored)
        if verdict is not None:
            return verdict
        old = json.loads(document)
        old.pop("next_sid", None)
        sealed = seal(sid, next_sid[STORED_SESSION_BYTES:].encode())
        if not self._write(sid, json.dumps(old), milliseconds, sealed):
            return self._refusal(sid, new=False) or Verdict("unknown")
        self._write(next_sid, next_document, next_milliseconds)
        return Verdict("saved")

    def insert(self, sid: str, document: str, milliseconds: int) -> None:
        """Write the document of a sid that is new in the world."""
        self._write(sid, document, milliseconds)

    def end(self, sid: str, seconds: int) -> bool:
        """End the sid; True when that ended its whole identifier.

        As in Redis only a sid that is live, or was until a moment ago, has that power; and one
        whose identifier nobody has, so that no late save brings it back.
        """
        _ended, document, sealed, left, others = self._look(sid)
        unknown = document is None and not others
        if unknown or _powerful(document, sealed, left):
            self.revoke([sid[:STORED_SESSION_BYTES]], seconds)
            return True
        if sealed is None:
            self._cursor.execute(table.DROP_ONE, {"digest": digest(sid)})
        return False

    def owns(self, sid: str) -> bool:
        """Is it here, with the power to end its identifier?"""
        ended, document, sealed, left, _others = self._look(sid)
        return ended is None and _powerful(document, sealed, left)

    def revoke(self, identifiers: list[str], seconds: int, *, known: bool = False) -> None:
        """End every session of each identifier, and remember it for ``seconds`` at least.

        :param known: only of identifiers that have documents here
        """
        parameters = {
            "identifiers": identifiers,
            "seconds": max(seconds, KEEP),
            "known": known,
            "dirty": self._dirty,
        }
        self._cursor.execute(table.END, parameters)
        self._cursor.execute(table.DROP, parameters)

    def has_ended(self, sid: str) -> bool:
        """Has the sid's identifier ended?"""
        return self._look(sid)[0] is not None

    def missing(self, wanted: list[str]) -> list[str]:
        """Those of the identifiers that no session lives of."""
        self._cursor.execute(table.ALIVE, {"identifiers": wanted})
        found = {identifier for (identifier,) in self._cursor.fetchall()}
        return [identifier for identifier in wanted if identifier not in found]

    def _look(self, sid: str) -> tuple[int | None, str | None, bytes | None, int, bool]:
        self._cursor.execute(
            table.LOOK, {"digest": digest(sid), "identifier": sid[:STORED_SESSION_BYTES]}
        )
        ended, document, sealed, left, others = self._cursor.fetchone()
        return ended, document, bytes(sealed) if sealed is not None else None, left or 0, others

    def _refusal(self, sid: str, *, new: bool) -> Verdict | None:
        """What forbids to write this sid, None when nothing does."""
        ended, document, sealed, left, others = self._look(sid)
        if ended is not None:
            return Verdict("ended", "", ended)
        if sealed is not None:
            return Verdict("rotated", _next_sid(sid, sealed)[STORED_SESSION_BYTES:], left)
        if document is None and others and new:
            return Verdict("foreign")
        return None

    def _write(
        self, sid: str, document: str, milliseconds: int, sealed: bytes | None = None
    ) -> bool:
        self._cursor.execute(
            table.WRITE,
            {
                "digest": digest(sid),
                "identifier": sid[:STORED_SESSION_BYTES],
                "document": document,
                "next": sealed,
                "milliseconds": milliseconds,
                "dirty": self._dirty,
            },
        )
        return bool(self._cursor.fetchone())


def _next_sid(sid: str, sealed: bytes) -> str:
    return sid[:STORED_SESSION_BYTES] + seal(sid, sealed).decode()


def _powerful(document: Any, sealed: Any, left: Any) -> bool:
    """May a row that was looked at end its identifier?"""
    return document is not None and left > (-_GRACE if sealed is None else _POWERLESS)
