"""Reads the replicas' lag from the published primary, beside the proof and never in its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import structlog

from .cluster import ReplicaLag, Target
from .errors import ConfigError, ProbeError
from .resolve import Resolver
from .session import Credentials, Session

_log = structlog.get_logger("ha_sidecar.replication")

#: Patroni gives each replica's own name as its application_name. An idle primary has no
#: replay_lag to show: a replica that has replayed all is 0 seconds behind.
QUESTION = """
SELECT application_name, replay_lsn::text,
       pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint,
       CASE WHEN replay_lsn >= pg_current_wal_lsn() THEN 0
            ELSE extract(epoch FROM replay_lag)::float8 END,
       coalesce(sync_state, ''),
       pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn)::bigint
FROM pg_stat_replication
WHERE state = 'streaming'
"""
INTERVAL = 1.0
TIMEOUT = 2.0


def lags_of(session: Session, deadline: float) -> dict[str, ReplicaLag]:
    """Ask the primary about each replica that streams, by member name. Raises ProbeError."""
    return {
        name: ReplicaLag(lsn, lag_bytes, seconds, sync_state, missing)
        for name, lsn, lag_bytes, seconds, sync_state, missing in session.rows(QUESTION, deadline)
    }


class ReplicationWatcher(threading.Thread):
    """One thread that samples pg_stat_replication of the primary given by ``aim``."""

    def __init__(self, credentials: Credentials, resolver: Resolver) -> None:
        super().__init__(name="replication", daemon=True)
        self._credentials = credentials
        self._resolver = resolver
        self._target: Target | None = None
        self._sample: tuple[Target | None, Mapping[str, ReplicaLag] | None] = (None, None)
        self._ending = threading.Event()
        self._complained = False

    def aim(self, target: Target | None) -> None:
        self._target = target

    def lags(self, target: Target | None) -> Mapping[str, ReplicaLag] | None:
        """Return the latest sample by member name; None when there is none of ``target``."""
        sampled, lags = self._sample
        return lags if target is not None and sampled == target else None

    def end(self) -> None:
        self._ending.set()

    def run(self) -> None:
        session: Session | None = None
        while not self._ending.wait(INTERVAL):
            target = self._target
            if session is not None and session.target != target:
                session.close()
                session = None
            if target is None:
                continue
            session = session or Session(target, self._credentials, self._resolver)
            self._sample = (target, self._ask(session))
        if session is not None:
            session.close()

    def _ask(self, session: Session) -> Mapping[str, ReplicaLag] | None:
        try:
            lags = lags_of(session, time.monotonic() + TIMEOUT)
        except (ProbeError, ConfigError) as error:
            _log.debug("replication state unknown", target=str(session.target), error=str(error))
            return None
        if any(lag.replay_lsn is None for lag in lags.values()) and not self._complained:
            self._complained = True
            _log.warning(
                "replicas' lag is hidden from probe_user; grant it pg_monitor",
                setting="probe_user",
            )
        return lags
