"""Contents of one transaction that go to S3 together, before its COMMIT is sent.

Invariant: no transaction commits a row whose object isn't certainly stored. The contents wait in
the cursor's precommit data, which a rollback empties, and are stored by a precommit hook. When
that fails the hook stays: whoever swallows its error meets it again at the commit.

A large content sets out at once, in a thread, while Odoo makes the next (the smaller sizes of an
image); the hook waits for it. If the transaction rolls back it is garbage that was marked before.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .location import Location

#: Bytes that wait at most: what is more is stored at once (so nothing that waits goes in parts).
MOST = 32 << 20
#: Seconds for which what was stored counts as stored; far below the shortest grace period.
FRESH = 600
#: Bytes from which a content sets out at once: that takes much longer than a mark of its own.
EARLY = 256 << 10
#: How many of one transaction are on their way before its commit.
_MOST_EARLY = 4

_WAITING = "ha_attachment_s3.waiting"
_STORED = "ha_attachment_s3.stored"
_EARLY = "ha_attachment_s3.early"

Put = tuple[Location, bytes]


class Pending:
    """
    :param cr: the cursor of the transaction
    """

    def __init__(self, cr: Any) -> None:
        self._precommit = cr.precommit
        #: ``store_fname`` → (where, content)
        self._waiting: dict[str, tuple[Location, bytes]] = cr.precommit.data.get(_WAITING, {})
        #: What set out already, by ``store_fname``.
        self._early: dict[str, Future[None]] = cr.precommit.data.get(_EARLY, {})
        self._stored: dict[str, float] = cr.cache.setdefault(_STORED, {})

    def find(self, name: str) -> bytes | None:
        """The content that waits under this name."""
        found = self._waiting.get(name)
        return found[1] if found else None

    def location_of(self, content: bytes) -> Location | None:
        """Where this very object will be stored, if it waits."""
        for location, waiting in self._waiting.values():
            if waiting is content:
                return location
        return None

    def is_stored(self, name: str) -> bool:
        """Whether this cursor stored it, not long ago."""
        stored_at = self._stored.get(name)
        return stored_at is not None and time.monotonic() - stored_at < FRESH

    def add(self, location: Location, content: bytes, store: Callable[["Pending"], object]) -> None:
        """Have ``store`` called with all that waits, before the commit or once it is too much."""
        if not self._waiting:
            self._precommit.data[_WAITING] = self._waiting
            self._precommit.data[_EARLY] = self._early

            def at_commit() -> None:
                if not self._waiting:
                    return
                try:
                    store(self)
                except BaseException:
                    self._precommit.add(at_commit)
                    raise

            self._precommit.add(at_commit)
        self._waiting[location.store_fname] = (location, content)
        if sum(len(content) for _location, content in self._waiting.values()) > MOST:
            store(self)

    def set_out(
        self,
        location: Location,
        mark: Callable[[list[str]], None],
        begin: Callable[[Location, bytes], "Future[None]"],
    ) -> None:
        """Mark and begin to put what waits there, if it is large and few others are on their way."""
        name = location.store_fname
        content = self.find(name)
        if content is None or len(content) < EARLY:
            return
        if sum(not early.done() for early in self._early.values()) < _MOST_EARLY:
            mark([name])
            self._early[name] = begin(location, content)

    def store(
        self,
        mark: Callable[[list[str]], None],
        put_all: Callable[[list[Put]], None],
    ) -> None:
        """Mark what waits, then put it.

        :raises StorageUnavailable: when not all of it is certainly stored; then all still waits
        """
        names = list(self._waiting)
        early = {name: self._early.pop(name) for name in names if name in self._early}
        try:
            late = [name for name in names if name not in early]
            if late:
                mark(late)
                put_all([self._waiting[name] for name in late])
        finally:
            errors = [error for error in [put.exception() for put in early.values()] if error]
        if errors:
            raise errors[0]
        self.was_stored(names)
        self._waiting.clear()

    def was_stored(self, names: list[str]) -> None:
        """Now these are certainly stored."""
        self._stored.update(dict.fromkeys(names, time.monotonic()))
