"""One thread in each process that is asked for its health: it looks at the database's role.

Requests read what it saw last and touch neither a cursor, nor a file, nor the network.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg2
from odoo.addons.ha_base import background
from odoo.addons.ha_base.side_connection import SideConnection

from .settings import Settings
from .verdict import Lag, Look, Memory, remember

_logger = logging.getLogger(__name__)

#: A standby's lag behind what it received; without a receiver nobody knows what it misses.
_ROLE = """
SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,
       pg_is_in_recovery() AND EXISTS (SELECT FROM pg_stat_wal_receiver),
       CASE WHEN pg_is_in_recovery() THEN
            pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::float8 END,
       CASE WHEN pg_is_in_recovery() THEN
            CASE WHEN pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() THEN 0
                 ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
            END END
"""

Topology = Callable[[], dict[str, Any] | None]
#: libpq's parameters of the servers to look at, for the fresh topology document or none.
Wanted = Callable[[dict[str, Any] | None], tuple[dict[str, Any], ...]]


class Sampler:
    """Looks at the database again and again; ``memory`` is what it saw."""

    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        topology: Topology,
        observe: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """``observe`` gathers what else there is to see; quickly, and without the network."""
        self.pid = os.getpid()
        self.memory = Memory()
        #: What was observed last, and when (monotonic).
        self.observed: tuple[dict[str, Any], float] = ({}, time.monotonic())
        #: The wall clock's time of the last look, for people.
        self.looked_at: float | None = None
        #: The fresh topology document at the last look.
        self.topology: dict[str, Any] | None = None
        self._settings = settings
        self._wanted = wanted
        self._read_topology = topology
        self._observe = observe
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
        self.observed = (self._observe(), time.monotonic())
        look = self._look()
        before = self.memory.look
        self.memory = remember(self.memory, look)
        self.looked_at = time.time()
        self._looked.set()
        if before is None or (before.role, before.writable) != (look.role, look.writable):
            _logger.info("The database is now: %s", _describe(look))

    def _look(self) -> Look:
        """Try the servers in turn until one is a primary."""
        deadline = time.monotonic() + self._settings.health_timeout
        wanted = list(self._wanted(self.topology))
        if not wanted:
            self._drop()
            state = (self.topology or {}).get("state")
            return Look(time.monotonic(), None, reason=f"the topology is {state}")
        found = Look(time.monotonic(), None)
        if self._connection is not None:
            used = self._connection.parameters
            # The one in use first: as long as it is a primary, no other is asked.
            wanted.sort(key=lambda parameters: parameters != used)
        for left, parameters in zip(range(len(wanted), 0, -1), wanted, strict=True):
            try:
                until = time.monotonic() + (deadline - time.monotonic()) / left
                look = self._ask(parameters, until)
            except psycopg2.Error as error:
                self._drop()
                if not found.role:
                    found = Look(time.monotonic(), None, reason=str(error).strip())
                continue
            found = look
            if look.role == "primary":
                break
        return found

    def _ask(self, parameters: dict[str, Any], until: float) -> Look:
        connection = self._connection
        if connection is None or connection.closed or connection.parameters != parameters:
            self._drop()
            connection = SideConnection(parameters, until - time.monotonic())
            self._connection = connection
        ((recovering, readonly, streaming, size, seconds),) = connection.query(
            _ROLE, (), until - time.monotonic()
        )
        if not recovering:
            return Look(time.monotonic(), "primary", not readonly)
        lag = published_lag(self.topology, parameters)
        if lag is None:
            lag = Lag(size, seconds) if streaming else Lag()
        return Look(time.monotonic(), "standby", lag=lag)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(frozen=True)
class Samplers:
    """The samplers of one process: ``replica`` looks at ``db_replica_host``, where that is set."""

    pid: int
    main: Sampler
    replica: Sampler | None


def published_lag(topology: dict[str, Any] | None, parameters: dict[str, Any]) -> Lag | None:
    """What the primary says of the standby at this address; None when no document names it."""
    for replica in (topology or {}).get("replicas") or ():
        if (replica["host"], str(replica["port"])) == (
            parameters.get("host"),
            str(parameters.get("port")),
        ):
            return Lag(replica.get("lag_bytes"), replica.get("lag_seconds"))
    return None


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
