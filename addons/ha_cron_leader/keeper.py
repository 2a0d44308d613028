"""The keeper: one thread in each cron process that asks for the leases and renews them.

It drives what ``lease.py`` decides. Its connections stand beside Odoo's pool and every step on
them is bounded, so that a lease is never kept, or lost, because something else hangs.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import psycopg2.errors
from odoo import sql_db
from odoo.addons.ha_base import background
from odoo.addons.ha_base.side_connection import DeadlineExceeded, SideConnection, servers

from . import lease as rules
from . import statements
from .fence import Lease
from .lease import Announce, Failed, Granted, Held, Missing, Observation, Standing, Terms, Wake
from .node import Node

try:
    from odoo.addons.ha_failover.status import topology
except ModuleNotFoundError:  # works without it, by libpq's means

    def topology() -> dict[str, Any] | None:
        return None


_logger = logging.getLogger(__name__)


@dataclass
class _Entry:
    """One database: what is decided (guarded by the keeper's lock) and the keeper's connection."""

    state: rules.State = field(default_factory=rules.State)
    turns: int = 0
    connection: SideConnection | None = None


class Keeper:
    """Asks for the leases of the databases whose jobs this process may run.

    :param parent: the prefork master's pid. When it is gone and no job runs, this process is
        about to end and renews no more.
    """

    def __init__(self, node: Node, terms: Terms, parent: int | None = None) -> None:
        self.pid = os.getpid()
        self._node = node
        self._terms = terms
        self._parent = parent
        self._changed = threading.Condition()
        self._entries: dict[str, _Entry] = {}
        self._ended = False

    def start(self, databases: Iterable[str] = ()) -> None:
        """Begin to keep the leases of ``databases``; others follow when they are claimed."""
        self._entries.update((name, _Entry()) for name in databases)
        background.start(self._run, "ha_cron_leader.keeper")

    def end(self) -> None:
        """Ask for nothing any more; returns at once."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def claim(self, database: str) -> tuple[bool, Lease | None]:
        """May the jobs of ``database`` run here now, and under which grant?

        (True, None) means that the database has no leases. Waits for one turn of the keeper, at
        most, when that may change the answer.
        """
        with self._changed:
            entry = self._entries.setdefault(database, _Entry())
            if rules.worth_asking(entry.state, time.monotonic()):
                seen = entry.turns
                entry.state = rules.ask_now(entry.state)
                self._changed.notify_all()
                # A turn connects and asks: two bounded steps for each server.
                self._changed.wait_for(
                    lambda: entry.turns > seen or self._ended, self._terms.timeout * 3
                )
            return rules.may_run(entry.state, time.monotonic()), self._lease(database, entry)

    def holds(self, lease: Lease) -> bool:
        """Does the grant still run, as far as this process knows?"""
        with self._changed:
            entry = self._entries[lease.database]
            return (
                rules.is_leader(entry.state, time.monotonic()) and entry.state.token == lease.token
            )

    def _lease(self, database: str, entry: _Entry) -> Lease | None:
        if entry.state.token is None:
            return None
        return Lease(database, statements.POOL, self._node.holder, entry.state.token)

    # -- the thread

    def _run(self) -> None:
        while not self._ended:
            try:
                self._round()
            except Exception:
                # Without this thread the node would run no jobs: it must not die.
                _logger.exception("The keeper of the leases stumbled; goes on")
                time.sleep(self._terms.retry_after)
        for entry in self._entries.values():
            if entry.connection is not None:
                entry.connection.close()

    def _round(self) -> None:
        if self._parent is not None and os.getppid() != self._parent and self._node.idle:
            _logger.info("The server of this cron process is gone: its leases run out")
            self.end()
            return
        with self._changed:
            now = time.monotonic()
            due = [item for item in self._entries.items() if item[1].state.due <= now]
            if not due:
                soonest = min((one.state.due for one in self._entries.values()), default=now + 1)
                self._changed.wait(max(0.0, soonest - now))
                return
        for database, entry in due:
            self._turn(database, entry)

    def _turn(self, database: str, entry: _Entry) -> None:
        observation = self._ask(database, entry)
        with self._changed:
            entry.state, actions = rules.observe(
                entry.state, observation, time.monotonic(), self._terms
            )
            entry.turns += 1
            self._changed.notify_all()
        for action in actions:
            match action:
                case Announce(level, text):
                    number = logging.getLevelNamesMapping()[level.upper()]
                    _logger.log(number, "%s: %s %s", database, self._node.holder, text)
                case Wake():
                    self._node.note_led(database)
                    wake(database, self._terms.timeout)

    def _ask(self, database: str, entry: _Entry) -> Observation:
        try:
            wanted = _primaries(database)
            connection = entry.connection
            if connection is None or connection.closed or connection.parameters not in wanted:
                if connection is not None:
                    connection.close()  # the primary is another server now
                entry.connection = connection = _connect(wanted, self._terms.timeout)
            return self._observe(connection, entry.state.standing)
        except psycopg2.Error as error:
            if entry.connection is not None:
                entry.connection.close()
            return Failed(str(error).strip() or type(error).__name__)

    def _observe(self, connection: SideConnection, standing: Standing) -> Observation:
        timeout = self._terms.timeout
        if standing in (Standing.UNKNOWN, Standing.ABSENT):
            ((exists,),) = connection.query(statements.TABLE_EXISTS, (), timeout)
            if not exists:
                return Missing()
        sent_at = time.monotonic()
        try:
            rows = connection.query(
                statements.ACQUIRE,
                {
                    "pool": statements.POOL,
                    "holder": self._node.holder,
                    "lease": self._terms.lease,
                    "timeout_ms": _milliseconds(timeout),
                },
                timeout,
            )
        except psycopg2.errors.UndefinedTable:
            return Missing()  # the app was uninstalled
        except psycopg2.errors.UniqueViolation:
            rows = []  # two made the database's very first row at once
        if not rows:
            return Failed("another node is just taking the lease")
        granted, holder, token, remaining = rows[0]
        return Granted(token, sent_at) if granted else Held(holder, remaining)


def _primaries(database: str) -> tuple[dict[str, Any], ...]:
    """The servers that may be the primary now; libpq refuses one that isn't."""
    found = servers(sql_db.connection_info_for(database)[1], topology())
    return tuple({"target_session_attrs": "read-write", **one} for one in found)


def _connect(wanted: Iterable[dict[str, Any]], timeout: float) -> SideConnection:
    """Connect to the first server that is to be had."""
    error: psycopg2.Error = DeadlineExceeded("no primary is known")
    for parameters in wanted:
        try:
            return SideConnection(parameters, timeout)
        except psycopg2.OperationalError as failure:
            error = failure
    raise error


def _once(database: str, timeout: float, run: Callable[[SideConnection], Any]) -> Any:
    connection = _connect(_primaries(database), timeout)
    try:
        return run(connection)
    finally:
        connection.close()


def wake(database: str, timeout: float) -> None:
    """Wake the cron processes of all nodes, as ``ir.cron._trigger`` does."""
    from odoo.addons.base.models.ir_cron import ODOO_NOTIFY_FUNCTION

    try:
        _once(
            "postgres",
            timeout,
            lambda connection: connection.query(
                f"SELECT \"{ODOO_NOTIFY_FUNCTION}\"('cron_trigger', %s)", (database,), timeout
            ),
        )
    except psycopg2.Error as error:
        _logger.warning("%s: jobs wait for the next poll, waking failed: %s", database, error)


def release(node: Node, terms: Terms) -> None:
    """The node ends in good order and no job of it runs: let another one take over at once."""
    deadline = time.monotonic() + terms.timeout * 3
    for database in node.led():
        if time.monotonic() >= deadline:
            return  # the rest runs out by itself
        arguments = {
            "pool": statements.POOL,
            "holder": node.holder,
            "timeout_ms": _milliseconds(terms.timeout),
        }
        try:
            released = _once(
                database,
                terms.timeout,
                lambda connection, arguments=arguments: connection.query(
                    statements.RELEASE, arguments, terms.timeout
                ),
            )
        except psycopg2.Error as error:
            _logger.warning("%s: the lease is not released, it runs out: %s", database, error)
            continue
        if released:
            _logger.info("%s: %s released the lease", database, node.holder)
            wake(database, terms.timeout)


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
