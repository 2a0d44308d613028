"""One thread in each process that is asked for its health: it looks at the database's role.

Requests read what it saw last and touch neither a cursor, nor a file, nor the network.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg2
from odoo import sql_db
from odoo.addons.ha_base import background
from odoo.addons.ha_base.side_connection import SideConnection, servers
from odoo.tools import config

from .settings import Settings
from .verdict import Look, Memory, remember

_logger = logging.getLogger(__name__)

_ROLE = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean"

Topology = Callable[[], dict[str, Any] | None]


class Sampler:
    """Looks at the database again and again; ``memory`` is what it saw."""

    def __init__(self, settings: Settings, topology: Topology) -> None:
        self.pid = os.getpid()
        self.memory = Memory()
        #: The wall clock's time of the last look, for people.
        self.looked_at: float | None = None
        #: The fresh topology document at the last look.
        self.topology: dict[str, Any] | None = None
        self._settings = settings
        self._read_topology = topology
        self._looked = threading.Event()
        self._connection: SideConnection | None = None

    def start(self) -> None:
        """Begin to look."""
        background.start(self._run, "ha_health.sampler")

    def wait_for_first_look(self) -> None:
        """Return when there was one look at least; within its timeout."""
        if not self._looked.is_set():
            self._looked.wait(self._settings.health_timeout + 0.5)

    def _run(self) -> None:
        while True:
            started = time.monotonic()
            try:
                self._sample()
            except Exception:
                # Should it go on failing, the age of the last look fails the health.
                _logger.exception("Looking at the database's role failed; goes on")
            spent = time.monotonic() - started
            time.sleep(max(0.0, self._settings.health_interval - spent))

    def _sample(self) -> None:
        self.topology = self._read_topology()
        role, writable, reason = self._look()
        look = Look(time.monotonic(), role, writable, reason)
        before = self.memory.look
        self.memory = remember(self.memory, look)
        self.looked_at = time.time()
        self._looked.set()
        if before is None or (before.role, before.writable) != (look.role, look.writable):
            _logger.info("The database is now: %s", _describe(look))

    def _look(self) -> tuple[str | None, bool, str]:
        """(role, writable, reason); tries the servers in turn until one is a primary."""
        deadline = time.monotonic() + self._settings.health_timeout
        database = (config["db_name"] or ["postgres"])[0]
        wanted = list(servers(sql_db.connection_info_for(database)[1], self.topology))
        if not wanted:
            self._drop()
            return None, False, f"the topology is {(self.topology or {}).get('state')}"
        found: tuple[str | None, bool, str] = (None, False, "")
        if self._connection is not None:
            used = self._connection.parameters
            # The one in use first: as long as it is a primary, no other is asked.
            wanted.sort(key=lambda parameters: parameters != used)
        for left, parameters in zip(range(len(wanted), 0, -1), wanted, strict=True):
            try:
                until = time.monotonic() + (deadline - time.monotonic()) / left
                recovering, readonly = self._ask(parameters, until)
            except psycopg2.Error as error:
                self._drop()
                found = found if found[0] else (None, False, str(error).strip())
                continue
            if not recovering:
                return "primary", not readonly, ""
            found = ("standby", False, "")
        return found

    def _ask(self, parameters: dict[str, Any], until: float) -> tuple[bool, bool]:
        connection = self._connection
        if connection is None or connection.closed or connection.parameters != parameters:
            self._drop()
            connection = SideConnection(parameters, until - time.monotonic())
            self._connection = connection
        ((recovering, readonly),) = connection.query(_ROLE, (), until - time.monotonic())
        return recovering, readonly

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def outage_since(topology: dict[str, Any] | None, now: float, clock: float) -> float | None:
    """Since when the topology has no primary, on the monotonic clock (``now``; ``clock`` is the
    wall clock at the same moment). None while it has one, or there is no topology."""
    if topology is None or (topology.get("state") == "stable" and topology.get("primary")):
        return None
    try:
        since = datetime.fromisoformat(str(topology.get("since"))).timestamp()
    except ValueError:
        return now
    return now - max(0.0, clock - since)


def _describe(look: Look) -> str:
    if look.role is None:
        return f"not reachable ({look.reason})"
    return look.role if look.role == "standby" or look.writable else f"{look.role}, read-only"
