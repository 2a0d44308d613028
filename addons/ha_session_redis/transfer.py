"""All sessions from stock's files to Redis and back; resumable, in bounded memory.

Nothing is deleted but by ``purge_…``. Each session keeps the life it has left. Running it again
goes over all of them and changes what is missing only.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
from odoo.http import STORED_SESSION_BYTES

from .documents import digest
from .lifetime import SHORTEST
from .redis_documents import ROTATED
from .store import RedisSessionStore

_BATCH = 500


class Transfer:
    """Between the sessions of one ``data_dir`` and one Redis, which may be a Cluster."""

    def __init__(self, store: RedisSessionStore, directory: Path) -> None:
        self._store = store
        self._directory = directory
        self._client: redis.Redis | redis.RedisCluster = store.connection.client()
        self._prefix = store.documents.document_key("").split("{")[0]
        #: What became of the sessions so far.
        self.done: Counter[str] = Counter()

    def files(self) -> Iterator[Path]:
        """The session files, one directory at a time."""
        if not self._directory.is_dir():
            return
        for directory in sorted(os.scandir(self._directory), key=lambda one: one.name):
            if not directory.is_dir():
                continue
            with os.scandir(directory) as entries:
                for entry in entries:
                    if self._store.is_valid_key(entry.name):
                        yield Path(entry.path)

    def sids(self) -> Iterator[str]:
        """The sids that Redis has documents of, of a Cluster those of all its primaries."""
        for key in self._client.scan_iter(f"{self._prefix}*", count=1000):
            name = key.decode(errors="replace")[len(self._prefix) :].removesuffix(ROTATED)
            sid = name.replace("{", "").replace("}:", "")
            if self._store.is_valid_key(sid):
                yield sid

    def import_files(self) -> Iterator[None]:
        """Have Redis adopt each session in files; yields after each."""
        for path in self.files():
            self.done[self._import(path.name)] += 1
            yield

    def _import(self, sid: str) -> str:
        if self._store.documents.fetch(sid) is not None:
            return "known"
        return "imported" if self._store.adopt_file(sid) else "expired"

    def export(self) -> Iterator[None]:
        """Write each session in Redis to the file where stock looks for it; yields after each."""
        batch: list[str] = []
        for sid in self.sids():
            batch.append(sid)
            if len(batch) == _BATCH:
                yield from self._export(batch)
                batch = []
        yield from self._export(batch)

    def _export(self, sids: list[str]) -> Iterator[None]:
        pipeline = self._client.pipeline(transaction=False)
        for sid in sids:
            key = self._store.documents.document_key(sid)
            for one in (key, key + ROTATED):  # a sid has one of them
                pipeline.get(one)
                pipeline.pttl(one)
        answers = pipeline.execute(raise_on_error=False)
        for sid, *found in zip(sids, *(answers[start::4] for start in range(4)), strict=True):
            content, left = found[:2] if found[0] is not None else found[2:]
            self.done[self._write(sid, content, left)] += 1
            yield

    def _write(self, sid: str, content: Any, left: Any) -> str:
        try:
            session = json.loads(content)
        except (TypeError, ValueError):
            return "unreadable"
        seconds = left / 1000
        if seconds <= SHORTEST:
            return "expired"
        # Stock ends a file's session a while after the file was written.
        modified = time.time() - (self._store.inactivity(session.get("db")) - seconds)
        path = self._directory / sid[:2] / sid
        if path.exists() and path.stat().st_mtime >= modified - 1:
            return "known"
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = path.with_name(f"{digest(sid).hex()}.__wz_sess")
        temporary.touch(0o644)
        temporary.write_bytes(content)
        os.utime(temporary, (modified, modified))
        temporary.replace(path)
        return "exported"

    def purge_files(self) -> Iterator[None]:
        """Delete all session files; yields after each."""
        for path in self.files():
            path.unlink(missing_ok=True)
            self.done["deleted"] += 1
            yield

    def purge_redis(self) -> Iterator[None]:
        """End all sessions in Redis; yields after each."""
        for sid in self.sids():
            self._store.documents.revoke([sid[:STORED_SESSION_BYTES]])
            self.done["deleted"] += 1
            yield
