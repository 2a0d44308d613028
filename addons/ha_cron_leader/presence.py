"""The keeper's sessions in the database ``postgres``: that this node lives, and whether others do.

A keeper holds a shared advisory lock for as long as it lives. Who follows its node asks for the
same lock exclusively, in one statement that waits in the server: the lock is granted in the
moment in which the keeper's session ends. So the death of a node is known at once, at the cost of
one session for each pair of nodes and one statement in ten minutes, however many databases there
are; and as it waits in ``postgres``, it keeps no row of Odoo's databases from being vacuumed.

What is learnt here is a hint only: ``statements.ACQUIRE`` looks again before it grants a lease.

A pooler shares sessions, where such a lock says nothing: then there is neither presence nor watch,
and a lease is taken over when it runs out.
"""

import logging
import zlib
from collections.abc import Iterable
from typing import Any

import psycopg2
from odoo import sql_db
from odoo.addons.ha_base.side_connection import DeadlineExceeded, SideConnection, servers

from .node import Node
from .statements import PRESENCE_CLASS

try:
    from odoo.addons.ha_failover.status import topology
except ModuleNotFoundError:  # works without it, by libpq's means

    def topology() -> dict[str, Any] | None:
        return None


_logger = logging.getLogger(__name__)

CHANNEL = "ha_cron_leader"
#: Class of the locks that two nodes with one ``node_id`` would both want.
_NAME_CLASS = PRESENCE_CLASS + 1
#: Seconds until a session that could not be had is tried again, or one that a pooler gave.
_AGAIN, _AGAIN_POOLED = 1.0, 60.0
#: Seconds for which the name may be held by this node's former life, which is just ending.
_NAME_FREE = 10.0
#: Seconds that one wait for another node lasts; PostgreSQL can't clean up behind an endless one.
_WATCH = 600
_SETTINGS = (
    "SELECT set_config(name, '0', false) FROM pg_settings"
    " WHERE name IN ('statement_timeout', 'idle_session_timeout')"
)
#: Ends without an error, which the server would log, in either case.
_WAIT = f"""DO $$ BEGIN
PERFORM pg_advisory_xact_lock({PRESENCE_CLASS}, %s);
EXCEPTION WHEN lock_not_available THEN NULL; END $$"""


def key(name: str) -> int:
    """The number of a holder's, or a node's, lock."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def primaries(database: str, name: str) -> tuple[dict[str, Any], ...]:
    """The servers that may be the primary now; libpq refuses one that isn't. PostgreSQL shows
    the connection under ``name``."""
    found = servers(sql_db.connection_info_for(database)[1], topology())
    extra = {"target_session_attrs": "read-write"}
    shown = {"application_name": f"odoo-ha {name}"[:63]}
    return tuple({**extra, **one, **shown} for one in found)


def connect(wanted: Iterable[dict[str, Any]], timeout: float) -> SideConnection:
    """Connect to the first server that is to be had."""
    error: psycopg2.Error = DeadlineExceeded("no primary is known")
    for parameters in wanted:
        try:
            return SideConnection(parameters, timeout)
        except psycopg2.OperationalError as failure:
            error = failure
    raise error


def is_on(connection: SideConnection | None, wanted: Iterable[dict[str, Any]]) -> bool:
    """Is it open, and to one of the servers that count?"""
    return (
        connection is not None and not connection.closed and connection.parameters in tuple(wanted)
    )


class Presence:
    """This node's own session, and those that watch other nodes. For the keeper's thread."""

    def __init__(self, node: Node, timeout: float) -> None:
        self._node = node
        self._timeout = timeout
        self._session: SideConnection | None = None
        #: What the lease rows say of this session; the server's start is "" while there is none.
        self.server = ""
        self.pid = 0
        #: Has another live node the same ``node_id``?
        self.name_taken = False
        self._has_name = False
        self._name_refused_at: float | None = None
        self._next_try = 0.0
        self._watches: dict[str, SideConnection] = {}

    def sockets(self) -> list[SideConnection]:
        """What the keeper's ``select`` waits for."""
        own = [self._session] if self._session is not None else []
        return [one for one in (*own, *self._watches.values()) if not one.closed]

    def close(self) -> None:
        """End all sessions: the others know at once."""
        for one in self.sockets():
            one.close()
        self._session, self.server = None, ""
        self._watches.clear()

    # -- this node

    def ensure(self, now: float) -> bool:
        """Have a session on the present primary; True when it is a new one."""
        wanted = self._parameters(f"cron {self._node.name}")
        if self.server and is_on(self._session, wanted):
            self._claim_name(now)
            return False
        if now < self._next_try:
            return False
        self.close()
        self._next_try = now + _AGAIN
        try:
            return self._enter(connect(wanted, self._timeout))
        except psycopg2.Error as error:
            _logger.debug("No session for the keeper: %s", error)
            self.close()
            return False

    def _enter(self, session: SideConnection) -> bool:
        self._session = session

        def ask(statement: str, *arguments: Any) -> Any:
            return session.query(statement, arguments, self._timeout)

        ((pid, server),) = ask(
            "SELECT pg_backend_pid(), extract(epoch FROM pg_postmaster_start_time())::text"
        )
        if pid != session.backend_pid:
            _logger.info("The database is behind a pooler: a dead node's lease has to run out")
            self._next_try += _AGAIN_POOLED
            self.close()
            return False
        ask(_SETTINGS)
        ask(f"LISTEN {CHANNEL}")
        ask("SELECT pg_advisory_lock_shared(%s, %s)", PRESENCE_CLASS, key(self._node.holder))
        self._has_name = False
        self.pid, self.server = pid, server
        return True

    def _claim_name(self, now: float) -> None:
        if self._has_name or (self._name_refused_at and now < self._name_refused_at + _NAME_FREE):
            return
        assert self._session is not None
        number = key(self._node.name)
        try:
            ((self._has_name,),) = self._session.query(
                "SELECT pg_try_advisory_lock(%s, %s)", (_NAME_CLASS, number), self._timeout
            )
            if self._has_name:
                self.name_taken, self._name_refused_at = False, None
                return
            if self._name_refused_at and not self.name_taken:
                self.name_taken = True
                found = self._session.query(
                    "SELECT DISTINCT host(client_addr) FROM pg_locks JOIN pg_stat_activity"
                    " USING (pid) WHERE locktype = 'advisory' AND classid = %s AND objid = %s",
                    (_NAME_CLASS, number),
                    self._timeout,
                )
                _logger.error(
                    "node_id = %s is the name of another running node too (connected from %s): "
                    "give each node a node_id of its own",
                    self._node.name,
                    ", ".join(str(address) for (address,) in found) or "an unknown address",
                )
            self._name_refused_at = now
        except psycopg2.Error:
            self.close()

    def hear(self) -> set[str]:
        """The databases of which other nodes said that something changed."""
        if self._session is None:
            return set()
        try:
            self._session.advance()
            return {what for channel, what in self._session.notifications() if channel == CHANNEL}
        except psycopg2.Error as error:
            _logger.info("The keeper's session ended: %s", str(error).strip())
            self._session.close()
            self.server, self._next_try = "", 0.0
            return set()

    def tell(self, channel: str, what: str, function: str = "pg_notify") -> None:
        """Notify all nodes.

        :raises psycopg2.Error: it could not be said
        """
        session = self._session
        own = session is None or session.closed
        if own or session is None:
            session = connect(primaries("postgres", "cron"), self._timeout)
        try:
            session.query(f'SELECT "{function}"(%s, %s)', (channel, what), self._timeout)
        finally:
            if own:
                session.close()

    # -- other nodes

    def watch(self, holder: str) -> bool:
        """Be told when ``holder`` is gone, by ``ended``; False when that can't be had."""
        if not self.server:
            return False
        if holder in self._watches:
            return True
        try:
            # A switchover by ha-sidecar doesn't wait for the end of what has this name.
            wanted = self._parameters(f"waits: {self._node.name} for {holder}")
            session = connect(wanted, self._timeout)
            try:
                session.query(_SETTINGS, (), self._timeout)
                session.query(f"SET lock_timeout = '{_WATCH}s'", (), self._timeout)
                session.send(_WAIT, (key(holder),), self._timeout)
            except psycopg2.Error:
                session.close()
                raise
        except psycopg2.Error as error:
            _logger.debug("%s is not watched: %s", holder, error)
            return False
        self._watches[holder] = session
        return True

    def unwatch(self, but: set[str]) -> None:
        """Watch only those any more."""
        for holder in set(self._watches) - but:
            self._watches.pop(holder).close()

    def ended(self) -> tuple[set[str], set[str]]:
        """(holders that may be gone, holders that could not be watched any more)."""
        gone, lost = set(), set()
        for holder, session in tuple(self._watches.items()):
            try:
                if not session.advance():
                    continue
                gone.add(holder)
            except psycopg2.Error:
                lost.add(holder)
            self._watches.pop(holder).close()
        return gone, lost

    def _parameters(self, name: str) -> tuple[dict[str, Any], ...]:
        extra = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}
        return tuple({**one, **extra} for one in primaries("postgres", name))
