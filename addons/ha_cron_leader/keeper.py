"""The keeper: one thread in one process of each node that asks for the leases and renews them.

It drives what ``lease.py`` decides and shows it to the node's processes on their board. Its
connections stand beside Odoo's pool and every step on them is bounded, so that a lease is never
kept, or lost, because something else hangs. The other cron processes of the node have a keeper in
waiting: it takes over in the moment in which the first one's process ends.
"""

import json
import logging
import os
import select
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import psycopg2.errors
from odoo.addons.ha_base import background
from odoo.addons.ha_base.side_connection import SideConnection

from . import facts, statements
from . import lease as rules
from .board import Note
from .fence import Lease
from .lease import Announce, Failed, Granted, Held, Missing, Observation, Standing, Terms, Wake
from .letting_go import give_back, milliseconds, release, wake
from .node import Node
from .presence import Presence, connect, is_on, key, primaries

_logger = logging.getLogger(__name__)

#: So many connections stay open between turns; the databases beyond are connected to each time.
_KEPT = 64
#: Seconds after a node seemed gone until its lease is asked for: its keeper may just reconnect.
_GRACE = 0.4
#: Seconds between two tries to hand a pool over whose jobs are still running.
_HAND_OVER = 0.1
#: The longest sleep; the server of this process may be gone.
_LONGEST = 1.0


@dataclass
class _Entry:
    """One database: what is decided for each pool, and the keeper's connection."""

    pools: dict[str, rules.State] = field(default_factory=dict)
    connection: SideConnection | None = None
    gone: str = ""
    facts_due: float = float("-inf")

    @property
    def due(self) -> float:
        return min(state.due for state in self.pools.values())

    @property
    def holders(self) -> set[str]:
        return {state.holder for state in self.pools.values() if state.watched}

    @property
    def leads(self) -> list[str]:
        return [pool for pool, state in self.pools.items() if state.standing is Standing.LEADER]

    def ask_now(self) -> None:
        self.pools = {pool: rules.ask_now(state) for pool, state in self.pools.items()}


class Keeper:
    """Asks for the leases of the databases whose jobs this node may run.

    :param parent: the prefork master's pid. When it is gone and no job runs, this process is
        about to end and lets go of everything.
    """

    def __init__(self, node: Node, terms: Terms, parent: int | None = None) -> None:
        self.pid = os.getpid()
        self._node = node
        self._terms = terms
        self._parent = parent
        self._entries: dict[str, _Entry] = {}
        self._presence = Presence(node, terms.timeout)
        self._suspects: dict[str, float] = {}
        self._summary = facts.Summary(node.name, node.pools)
        self._reachable = True
        self._ended = False

    def start(self, databases: Iterable[str] = ()) -> None:
        """Begin, for ``databases``; others follow when the node's processes come to them."""
        for database in databases:
            self._node.note_database(database)
        background.start(self._run, "ha_cron_leader.keeper")

    def end(self) -> None:
        """Ask for nothing any more; returns at once."""
        self._ended = True
        self._node.wake_keeper()

    # -- for the threads that run jobs

    def claim(self, database: str) -> dict[str, Lease] | None:
        """The grants under which jobs of ``database`` may run here now, by pool.

        None means that the database has no leases. Waits for a turn of the node's keeper, within
        bounds, when nothing is known of the database.
        """
        if self._node.leaves:
            return {}
        deadline = time.monotonic() + self._terms.timeout * 3
        notes = self._notes(database)
        if None in notes.values():
            self._node.wake_keeper(database)
        while None in notes.values() and time.monotonic() < deadline and not self._ended:
            time.sleep(0.02)
            notes = self._notes(database)
        now = time.monotonic()
        if any(note is not None and note.absent for note in notes.values()):
            return None
        return {
            pool: Lease(database, pool, self._node.holder, note.token)
            for pool, note in notes.items()
            if note is not None and now < note.runs_until
        }

    def holds(self, lease: Lease) -> bool:
        """May a job be started under the grant, as far as this node knows?"""
        now = time.monotonic()
        note = self._node.board.get(lease.database, lease.pool, now)
        return (
            note is not None
            and note.token == lease.token
            and now < note.runs_until
            and not self._node.leaves
        )

    def _notes(self, database: str) -> dict[str, Note | None]:
        now = time.monotonic()
        return {pool: self._node.board.get(database, pool, now) for pool in self._node.pools}

    # -- the thread

    def _run(self) -> None:
        self._node.become_keeper()
        watched = [self._node.wake_fd]
        if self._parent is not None:
            with suppress(OSError, AttributeError):  # else it is looked for each second
                watched.append(os.pidfd_open(self._parent))
        for database in self._node.databases():
            self._add(database)
        while not self._ended:
            try:
                self._round(watched)
            except Exception:
                # Without this thread the node would run no jobs: it must not die.
                _logger.exception("The keeper of the leases stumbled; goes on")
                time.sleep(self._terms.retry_after)
        self._presence.close()
        for entry in self._entries.values():
            if entry.connection is not None:
                entry.connection.close()
        self._node.no_keeper()

    def _add(self, database: str) -> None:
        if database not in self._entries:
            self._node.note_database(database)
            self._entries[database] = _Entry({pool: rules.State() for pool in self._node.pools})

    def _round(self, watched: list[int]) -> None:
        if self._orphaned():
            return
        now = time.monotonic()
        # While no database answers, the time is theirs.
        if self._reachable and self._presence.ensure(now):
            for entry in self._entries.values():
                if entry.leads:
                    entry.ask_now()  # the row shall know the new session
        for database, entry in tuple(self._entries.items()):
            if entry.due <= now and (pools := self._asks_for(database, entry)):
                self._turn(database, entry, pools)
        waiting = self._hand_over() or self._node.board.leaving
        self._presence.unwatch({one for entry in self._entries.values() for one in entry.holders})
        self._publish()
        self._listen(watched, waiting)

    def _asks_for(self, database: str, entry: _Entry) -> tuple[str, ...]:
        """All its pools, but on its way out those under which a job still runs."""
        if not self._node.leaves:
            return self._node.pools
        now = time.monotonic()
        notes = {pool: self._node.board.get(database, pool, now) for pool in entry.leads}
        return tuple(pool for pool, note in notes.items() if note is not None and note.token)

    def _orphaned(self) -> bool:
        """Let go when the server of this process is gone."""
        if self._parent is None or os.getppid() == self._parent or not self._node.idle:
            return False
        _logger.info("The server of this cron process is gone: its leases are let go")
        self._node.board.leave()
        release(self._node, self._terms)
        self._ended = True
        return True

    def _listen(self, watched: list[int], hurry: bool) -> None:
        """Sleep until something is due or something is heard, and take it in."""
        now = time.monotonic()
        moments = [now + (_HAND_OVER if hurry else _LONGEST), *self._suspects.values()]
        if not self._node.leaves:
            moments += [entry.due for entry in self._entries.values()]
        if not self._take_in():
            poll = select.poll()
            for one in (*watched, *self._presence.sockets()):
                poll.register(one, select.POLLIN)
            poll.poll(max(0, int((min(moments) - now) * 1000) + 1))
            self._take_in()

    def _take_in(self) -> bool:
        """What the node's processes and the other nodes said; False when there was nothing."""
        woken = self._node.woken_for() - {""}
        for database in woken:
            self._add(database)
            self._ask_if_worth(self._entries[database])
        heard = self._presence.hear()
        for what in heard & self._entries.keys():
            self._entries[what].ask_now()
        gone, lost = self._presence.ended()
        for entry in self._entries.values():
            if entry.holders & lost:
                entry.ask_now()
        now = time.monotonic()
        self._suspects.update((holder, now + _GRACE) for holder in gone)
        for holder in [one for one, moment in self._suspects.items() if moment <= now]:
            del self._suspects[holder]
            for entry in self._entries.values():
                if holder in entry.holders:
                    entry.gone = holder
                    entry.ask_now()
        return bool(woken or heard or gone or lost)

    def _ask_if_worth(self, entry: _Entry) -> None:
        now = time.monotonic()
        if any(rules.worth_asking(state, now) for state in entry.pools.values()):
            entry.ask_now()

    def _turn(self, database: str, entry: _Entry, pools: tuple[str, ...]) -> None:
        seen = self._ask(database, entry, pools)
        if seen is None:
            del self._entries[database]
            self._summary.forget(database)
            return
        now = time.monotonic()
        for pool in pools:
            state = entry.pools[pool]
            observation = seen.get(pool) or Failed("another node is just taking the lease")
            entry.pools[pool], actions = rules.observe(state, observation, now, self._terms)
            for action in actions:
                self._act(database, pool, action)
            self._show(database, pool, entry.pools[pool], now)
        self._summary.turned(database, entry.leads)
        if len(self._entries) > _KEPT and entry.connection is not None:
            kept = sum(one.connection is not None for one in self._entries.values())
            if kept > _KEPT:
                entry.connection.close()
                entry.connection = None

    def _act(self, database: str, pool: str, action: rules.Action) -> None:
        match action:
            case Announce(level, text):
                number = logging.getLevelNamesMapping()[level.upper()]
                name = (
                    self._node.holder
                    if pool == statements.MAIN
                    else (f"{self._node.holder}, pool {pool},")
                )
                _logger.log(number, "%s: %s %s", database, name, text)
                self._summary.changed()
            case Wake():
                wake(self._presence, database)

    def _show(self, database: str, pool: str, state: rules.State, now: float) -> None:
        good_until = max(state.due, now) + self._terms.timeout * 3
        runs_until = state.valid_until if rules.may_run(state, now) else 0.0
        absent = state.standing is Standing.ABSENT
        if state.standing is Standing.UNKNOWN:
            return
        note = Note(state.token or 0, runs_until, good_until, absent, state.yields)
        self._node.board.put(database, pool, note)

    def _hand_over(self) -> bool:
        """Release the pools that are asked for, and all of a drained node, once their jobs have
        ended; True if some run."""
        running = False
        drained = self._node.leaves and not self._node.board.leaving
        for database, entry in self._entries.items():
            pools = [pool for pool in entry.leads if drained or entry.pools[pool].yields]
            for pool in pools:
                with self._node.quiet(database, pool) as quiet:
                    if quiet and give_back(
                        self._presence, database, (pool,), self._node, self._terms, "handed over"
                    ):
                        if drained:  # it may not ask, so no answer tells it
                            now = time.monotonic()
                            entry.pools[pool] = rules.let_go(now)
                            self._show(database, pool, entry.pools[pool], now)
                        else:
                            entry.ask_now()
                    running |= not quiet
        return running

    def _publish(self) -> None:
        self._summary.name_taken = self._presence.name_taken
        if text := self._summary.news():
            self._node.board.put_facts(json.dumps(text).encode())

    # -- what it asks

    def _ask(
        self, database: str, entry: _Entry, pools: tuple[str, ...]
    ) -> dict[str, Observation] | None:
        """What was observed of each pool; None when there is no such database any more."""
        try:
            wanted = primaries(database, f"cron {self._node.name}")
            connection = entry.connection
            if not is_on(connection, wanted) or connection is None:
                if connection is not None:
                    connection.close()  # the primary is another server now
                entry.connection = connection = connect(wanted, self._terms.timeout)
            seen = self._observe(database, connection, entry, pools)
            self._reachable = True
            return seen
        except psycopg2.Error as error:
            self._reachable = False
            if entry.connection is not None:
                entry.connection.close()
                entry.connection = None
            text = str(error).strip() or type(error).__name__
            if f'"{database}"' in text and "FATAL" in text and self._is_dropped(database):
                _logger.info("%s: there is no such database any more", database)
                return None
            return dict.fromkeys(pools, Failed(text))

    def _is_dropped(self, database: str) -> bool:
        query = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)"
        with suppress(psycopg2.Error):
            connection = connect(primaries("postgres", "cron"), self._terms.timeout)
            try:
                return connection.query(query, (database,), self._terms.timeout) == [(False,)]
            finally:
                connection.close()
        return False

    def _observe(
        self, database: str, connection: SideConnection, entry: _Entry, pools: tuple[str, ...]
    ) -> dict[str, Observation]:
        timeout = self._terms.timeout
        if entry.pools[pools[0]].standing in (Standing.UNKNOWN, Standing.ABSENT):
            ((exists,),) = connection.query(statements.TABLE_EXISTS, (), timeout)
            if not exists:
                return dict.fromkeys(pools, Missing())
        sent_at = time.monotonic()
        try:
            rows = connection.query(statements.ACQUIRE, self._arguments(pools, entry.gone), timeout)
            entry.gone = ""
            if sent_at >= entry.facts_due:
                found = connection.query(facts.QUERY, {"late": facts.LATE}, timeout)
                unserved = self._summary.look(database, found)
                entry.facts_due = sent_at + (facts.SOON if unserved else facts.EVERY)
                for warning in self._summary.warnings(database):
                    _logger.warning("%s: %s", database, warning)
        except psycopg2.errors.UndefinedTable:
            return dict.fromkeys(pools, Missing())  # the app was uninstalled
        except psycopg2.errors.UndefinedColumn:
            return dict.fromkeys(pools, Failed("upgrade the app ha_cron_leader (odoo -u)"))
        except psycopg2.errors.UniqueViolation:
            return {}  # two made the database's very first row at once
        return {row[0]: self._understand(sent_at, *row[1:]) for row in rows}

    def _arguments(self, pools: tuple[str, ...], gone: str) -> dict[str, Any]:
        return {
            "pools": list(pools),
            "holder": self._node.holder,
            "lease": self._terms.lease,
            "pid": self._presence.pid,
            "server": self._presence.server,
            "gone": gone,
            "gone_key": key(gone),
            "timeout_ms": milliseconds(self._terms.timeout),
        }

    def _understand(
        self, sent_at: float, granted: bool, holder: str, token: int, remaining: float,
        paused: bool, yields: bool, present: bool,
    ) -> Observation:  # fmt: skip
        if granted:
            if self._presence.server and not present:
                self._presence.close()  # it is on another server, which isn't the primary any more
            return Granted(token, sent_at, paused, yields)
        other = present and holder != self._node.holder
        watched = other and (holder in self._suspects or self._presence.watch(holder))
        return Held(holder, remaining, watched)
