"""Immutable snapshots of what the sidecar saw of the cluster. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class SyncMode(StrEnum):
    """How Patroni replicates: ``synchronous_mode`` and ``synchronous_mode_strict``."""

    OFF = "off"
    ON = "on"
    STRICT = "strict"
    QUORUM = "quorum"


class Source(StrEnum):
    """Where the news of the election comes from; SQL means from nowhere at present."""

    ETCD = "etcd"
    REST = "rest"
    SQL = "sql"


@dataclass(frozen=True)
class Target:
    """A PostgreSQL server to ask."""

    name: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.name} ({self.host}:{self.port})"


@dataclass(frozen=True)
class Primary:
    """A server that was proven to be the primary."""

    name: str
    host: str
    port: int
    timeline: int
    system_identifier: str

    @property
    def target(self) -> Target:
        return Target(self.name, self.host, self.port)


@dataclass(frozen=True)
class Member:
    """A member of the Patroni cluster, as it describes itself."""

    name: str
    host: str
    port: int
    role: str = ""
    state: str = ""
    timeline: int | None = None
    replay_lsn: str | None = None
    api_url: str | None = None
    nofailover: bool = False

    @property
    def target(self) -> Target:
        return Target(self.name, self.host, self.port)


@dataclass(frozen=True)
class Switchover:
    """A switchover or manual failover that Patroni was asked for."""

    leader: str | None = None
    candidate: str | None = None
    scheduled_at: datetime | None = None

    def is_due(self, wall: datetime) -> bool:
        """A scheduled switchover is no reason to hold anything before its time."""
        return self.scheduled_at is None or wall >= self.scheduled_at


@dataclass(frozen=True)
class Hold:
    """``ha-sidecar switchover`` asks every node to hold new transactions while ``leader`` leads."""

    leader: str
    candidate: str
    by: str = ""


@dataclass(frozen=True)
class ClusterView:
    """The election as one source saw it at one moment."""

    leader: str | None
    members: tuple[Member, ...] = ()
    system_identifier: str | None = None
    sync_mode: SyncMode = SyncMode.OFF
    sync_names: frozenset[str] = field(default_factory=frozenset)
    paused: bool = False
    switchover: Switchover | None = None
    hold: Hold | None = None

    def member(self, name: str) -> Member | None:
        return next((member for member in self.members if member.name == name), None)


@dataclass(frozen=True)
class Answer:
    """What a PostgreSQL server said about itself. LSN and timeline only when not in recovery."""

    in_recovery: bool
    system_identifier: str
    timeline: int | None = None
    lsn: str | None = None


@dataclass(frozen=True)
class ProbeReport:
    """One try to prove one server. Times are of the monotonic clock, in seconds.

    ``asked_at`` is when the question was sent: the answer was true at some moment after it,
    so a proof is never counted as younger than it is.
    """

    target: Target
    asked_at: float
    answer: Answer | None = None
    error: str | None = None


@dataclass(frozen=True)
class ReplicaLag:
    """How far a replica is behind, as the primary's pg_stat_replication tells."""

    replay_lsn: str | None
    lag_bytes: int | None
    lag_seconds: float | None
    sync_state: str
    #: Of the primary's WAL, what isn't on the replica's disk: a failover to it would lose that.
    missing_bytes: int | None = None
