"""Brings one PgBouncer in line with what is published."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from ...cluster import Primary
from ...errors import ActorError
from ...session import Bell
from ..actor import Actor, Published
from . import databases_file, rules
from .console import Access, Console
from .guardian import Guardian
from .rules import Wish

_log = structlog.get_logger("ha_sidecar.actors.pgbouncer")

#: Seconds between two looks when nothing changes; a pause is confirmed as often.
_INTERVAL = 0.5
#: Seconds that PAUSE may wait for open transactions: with a hung server it never returns.
_PAUSE_PATIENCE = 2.0
#: Seconds that clients of the old server have to leave by themselves, as ha_failover's do.
_GRACE = 0.5


class PgBouncer(Actor):
    """PAUSE while it is ``switching`` or ``lost``, repoint and RESUME at the proven primary.

    ``databases`` and ``file``: what is written where, see ``databases_file``. ``pause_limit``:
    seconds after which a pause ends though no primary was proven.
    """

    def __init__(
        self,
        access: Access,
        *,
        databases: Sequence[str],
        file: Path,
        password_file: Path | None,
        pause_limit: float,
    ) -> None:
        super().__init__("pgbouncer", interval=_INTERVAL)
        self._databases = databases
        self._file = file
        self._pause_limit = pause_limit
        self._console = Console(access)
        self._guardian = Guardian(access, password_file)
        self._memory = rules.Memory()
        self._read: str | None = None  # what PgBouncer was told to read last
        self._running = False  # known not to be paused, as far as this process did anything
        self._paused = False
        self._behind_since: float | None = None
        self._bell = Bell()  # ends the wait for open transactions when something else holds

    def aim(self, published: Published) -> None:
        changed = self.overtaken(published)
        super().aim(published)
        if changed:
            self._bell.ring()

    def end(self) -> None:
        super().end()
        self._bell.ring()

    def act(self, published: Published) -> bool:
        self._memory, wish = rules.decide(
            self._memory,
            published.phase,
            time.monotonic(),
            self._pause_limit,
            draining=published.draining,
        )
        if wish is Wish.HOLD:
            return self._hold(published)
        acted = False
        if wish is Wish.FOLLOW and published.primary is not None:
            try:
                acted = self._point_to(published.primary)
            finally:
                self._resume()  # wherever it points: never left paused
            return self._end_left_behind(published.primary) or acted
        return self._resume()

    def leave(self) -> None:
        try:
            if self._paused:
                self._console.resume()
        except ActorError as error:
            _log.error("PgBouncer can't be resumed; the guardian tries on", error=str(error))
        else:
            self._paused = False
            self._tell_guardian()
        self._guardian.end()
        self._console.close()
        self._bell.close()

    def _hold(self, published: Published) -> bool:
        self._bell.silence()
        if self.overtaken(published):
            return False
        if self._paused:
            self._guardian.tell(paused=True)
            return False
        self._guardian.tell(paused=True)  # first: whatever happens from here on, it ends
        self._paused, self._running = True, False
        started = time.monotonic()
        ended = self._console.pause(_PAUSE_PATIENCE, self._bell)
        self._guardian.tell(paused=True)
        _log.info(
            "PgBouncer is paused", transactions_ended=ended,
            seconds=round(time.monotonic() - started, 3),
        )  # fmt: skip
        return True

    def _resume(self) -> bool:
        if self._running and not self._console.seems_paused():
            return False
        was_paused = self._console.resume()
        for database in self._console.paused_databases():
            was_paused = self._console.resume(database) or was_paused
        self._running, self._paused = True, False
        self._tell_guardian()
        if was_paused:
            _log.info("PgBouncer is resumed")
        return was_paused

    def _tell_guardian(self) -> None:
        self._guardian.tell(paused=False)

    def _point_to(self, primary: Primary) -> bool:
        text = databases_file.render(self._databases, primary)
        written = databases_file.update(self._file, text, primary)
        if not written and self._read == text:
            return False
        self._console.reload()
        self._read = text
        _log.info("PgBouncer points to the primary", primary=str(primary.target))
        return True

    def _end_left_behind(self, primary: Primary) -> bool:
        links = self._console.left_behind(primary.target)
        now = time.monotonic()
        if not links:
            self._behind_since = None
            return False
        if self._behind_since is None:
            self._behind_since = now
        if now - self._behind_since < _GRACE:
            return False
        self._console.end(links)
        self._behind_since = None
        _log.warning(
            "ended clients that were linked to a former primary",
            links=len(links), servers=sorted({f"{link.host}:{link.port}" for link in links}),
        )  # fmt: skip
        return True
