"""What the decider decides from and what it decides: state, observation, actions. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .cluster import ClusterView, Primary, ProbeReport, Source
from .transitions import Phase, Row, Situation


@dataclass(frozen=True)
class Limits:
    """Seconds: the age at which a proof is worth nothing, and a switchover's longest hold."""

    prove_timeout: float
    switching_timeout: float


@dataclass(frozen=True)
class Moment:
    """Now: ``monotonic`` seconds for decisions, ``wall`` for people and schedules."""

    monotonic: float
    wall: datetime


@dataclass(frozen=True)
class Memory:
    """What outlives the process. ``primary`` is the last one proven."""

    epoch: int = 0
    system_identifier: str | None = None
    highest_timeline: int = 0
    primary: Primary | None = None


@dataclass(frozen=True)
class Observation:
    """What is seen now: the election, where that news is from, the latest probe."""

    view: ClusterView | None
    source: Source
    probe: ProbeReport | None


@dataclass(frozen=True)
class State:
    memory: Memory
    phase: Phase = Phase.LOST
    primary: Primary | None = None
    since: datetime | None = None
    source: Source | None = None
    #: When the question was asked that the published primary last answered as a primary.
    proven_at: float | None = None
    #: What keeps the cluster from being settled, and since when (for switching_timeout).
    unsettled: str | None = None
    unsettled_since: float = 0.0
    started_at: float | None = None
    published_at: float | None = None
    #: What people were last told, and when.
    told: tuple[Situation, str] | None = None
    told_at: float = 0.0


@dataclass(frozen=True)
class Remember:
    """Write the memory down, before anything is published."""

    memory: Memory


@dataclass(frozen=True)
class Publish:
    """Publish the state as it is now. ``changed`` is False for a mere heartbeat."""

    changed: bool


@dataclass(frozen=True)
class Tell:
    """Tell people of a transition, or of another reason for being lost or switching: the row
    taken, and what the probe said."""

    row: Row
    detail: str


Action = Remember | Publish | Tell
