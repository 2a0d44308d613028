"""Session documents in Redis: what the store asks for, as one atomic step each."""

import logging
from typing import Any

import redis
from odoo.http import STORED_SESSION_BYTES

from . import scripts
from .connection import Connection
from .documents import Verdict
from .scripts import Script

_logger = logging.getLogger(__name__)

_SAVED = Verdict("saved")

#: Behind the key of a rotated sid's document; see ``scripts``.
ROTATED = ":rotated"


class RedisDocuments:
    """Reads and writes of documents by sid; every method raises what ``Connection.call`` does."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix
        self._extends = True

    def document_key(self, sid: str) -> str:
        """The key of a sid's JSON document."""
        identifier, rest = sid[:STORED_SESSION_BYTES], sid[STORED_SESSION_BYTES:]
        return f"{self._prefix}:session:{{{identifier}}}:{rest}"

    def index_key(self, identifier: str) -> str:
        """The key of an identifier's index."""
        return f"{self._prefix}:sessions:{{{identifier}}}"

    def fetch(self, sid: str) -> bytes | None:
        """The document, None where there is none.

        :raises redis.ResponseError: when something else is stored there
        """
        key = self.document_key(sid)

        def operation(client: Any) -> bytes | None:
            found = client.execute_command("GET", key)
            return client.execute_command("GET", key + ROTATED) if found is None else found

        return self._connection.call("read", operation)

    def save(
        self, sid: str, document: str, milliseconds: int, *, stored: bool, sole: bool = False
    ) -> Verdict:
        """Write one document; see ``scripts.SAVE``."""
        if stored and not sole and self._save_live(sid, document, milliseconds):
            return _SAVED
        return self._verdict(
            scripts.SAVE,
            sid,
            document,
            milliseconds,
            "sole" if sole else "",
            "stored" if stored else "",
        )

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
        """Write the old sid's document and the next one's; see ``scripts.ROTATE``."""
        return self._verdict(
            scripts.ROTATE,
            sid,
            document,
            milliseconds,
            next_sid[STORED_SESSION_BYTES:],
            next_document,
            next_milliseconds,
            "stored" if stored else "",
        )

    def end(self, sid: str) -> bool | None:
        """End the sid; True when that ended its whole identifier, None when nothing was known of it.
        See ``scripts.END``."""
        return {0: False, 1: True, 2: None}[self._run(scripts.END, sid)]

    def adopt(
        self, sid: str, document: str, milliseconds: int, *, next_sid: str | None, vouched: bool
    ) -> bool:
        """Take a document over from another store; see ``scripts.ADOPT``."""
        following = next_sid[STORED_SESSION_BYTES:] if next_sid else ""
        arguments = (document, milliseconds, following, "vouched" if vouched else "")
        return bool(self._run(scripts.ADOPT, sid, *arguments))

    def confirm(self, sid: str, milliseconds: int) -> bool:
        """Give a provisional document its full lifetime; False when it is gone."""
        return bool(self._run(scripts.CONFIRM, sid, milliseconds))

    def alive(self, identifiers: list[str]) -> list[bool]:
        """Whether a session of each identifier lives; one round trip."""
        return [bool(lives) for lives in self._run_each(scripts.ALIVE, identifiers)]

    def revoke(self, identifiers: list[str]) -> None:
        """End every session of each identifier; one round trip."""
        self._run_each(scripts.REVOKE, identifiers)

    def forget(self, identifiers: list[str]) -> None:
        """Make another store the authority on these identifiers; see ``scripts.FORGET``."""
        self._run_each(scripts.FORGET, identifiers)

    # -- Redis ----------------------------------------------------------------------------------

    def _save_live(self, sid: str, document: str, milliseconds: int) -> bool:
        """Write the document of a live sid, as nearly all saves are; False when the script decides.

        Two plain commands, which cost Redis a tenth of a script: only a live sid has a document,
        and an index that is there must outlive it. Between the two the session may end: then it
        did after this save. An index that is gone is the script's business, with the document
        that is written already, as its own would be.
        """
        if self._connection.clustered or not self._extends:
            return False
        save = ("SET", self.document_key(sid), document, "PX", milliseconds, "XX")
        life = max(milliseconds, scripts.KEEP * 1000) + scripts.SPARE * 1000
        outlive = ("PEXPIRE", self.index_key(sid[:STORED_SESSION_BYTES]), life, "GT")

        def operation(client: Any) -> bool:
            saved, extended = client.execute_both(save, outlive)
            if isinstance(extended, redis.ResponseError):  # Redis 6 has no GT
                self._extends = False
            return saved is not None and extended == 1

        return self._connection.call("save", operation)

    def _verdict(self, script: Script, sid: str, *arguments: Any) -> Verdict:
        answer = self._run(script, sid, *arguments)
        if answer == 1:
            return _SAVED
        word, rest, number = answer
        return Verdict(word.decode(), rest.decode(), number)

    def _run(self, script: Script, sid: str, *arguments: Any) -> Any:
        identifier, rest = sid[:STORED_SESSION_BYTES], sid[STORED_SESSION_BYTES:]
        keys = (self.document_key(sid), self.index_key(identifier))

        def operation(client: Any) -> Any:
            try:
                return client.execute_command("EVALSHA", script.digest, 2, *keys, rest, *arguments)
            except redis.exceptions.NoScriptError:  # a new or restarted server
                return client.eval(script.text, 2, *keys, rest, *arguments)

        try:
            return self._connection.call(script.name, operation)
        except redis.ResponseError as error:  # something else is stored under these keys
            _logger.warning(
                "What Redis has of the session %s… is no session, it is dropped: %s", sid[:6], error
            )
            self._connection.call("drop", lambda client: client.delete(*keys))
            return self._connection.call(script.name, operation)

    def _run_each(self, script: Script, identifiers: list[str]) -> list[Any]:
        if self._connection.clustered:  # its client has no scripts in pipelines
            return [self._run(script, identifier) for identifier in identifiers]

        def operation(client: Any) -> list[Any]:
            client.script_load(script.text)
            pipeline = client.pipeline(transaction=False)
            for identifier in identifiers:
                keys = (self.document_key(identifier), self.index_key(identifier))
                pipeline.evalsha(script.digest, 2, *keys, "")
            return pipeline.execute()

        return self._connection.call(script.name, operation)
