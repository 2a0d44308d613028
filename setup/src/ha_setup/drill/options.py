"""What a drill is asked to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

from ha_setup.cluster.layout import Layout, Variant


class Fault(StrEnum):
    """The faults, named as verbs. `FAULTS` says what each is."""

    SWITCHOVER = "switchover"
    PATRONICTL_SWITCHOVER = "patronictl-switchover"
    KILL_PRIMARY = "kill-primary"
    FREEZE_PRIMARY = "freeze-primary"
    DROP_PRIMARY = "drop-primary"
    KILL_POSTGRES = "kill-postgres"
    DOUBLE_FAILOVER = "double-failover"
    LAGGING_REPLICAS = "lagging-replicas"
    FREEZE_PATRONI = "freeze-patroni"
    OLD_PRIMARY_RETURNS = "old-primary-returns"
    KILL_SIDECAR = "kill-sidecar"
    ETCD_LEADER_LOSS = "etcd-leader-loss"
    ETCD_QUORUM_LOSS = "etcd-quorum-loss"
    KILL_ODOO_NODE = "kill-odoo-node"
    KILL_REDIS_MASTER = "kill-redis-master"
    KILL_ALL_REDIS = "kill-all-redis"
    KILL_REDIS_AND_PRIMARY = "kill-redis-and-primary"
    STOP_S3 = "stop-s3"
    SLOW_S3 = "slow-s3"
    S3_ERRORS = "s3-errors"
    ROLLOUT = "rollout"

    @property
    def moves_primary(self) -> bool:
        """True when a new PostgreSQL primary must appear before the run counts as recovered."""
        return FAULTS[self].moves_primary

    @property
    def ails_s3(self) -> bool:
        """True when S3 is away, slow or faulty: files may then be refused, with a clear error."""
        return self in (Fault.STOP_S3, Fault.SLOW_S3, Fault.S3_ERRORS)

    @property
    def about(self) -> str:
        """One sentence for people."""
        return FAULTS[self].about


class Need(Enum):
    """What a fault needs that not every cluster has."""

    NAMESPACES = "hosts in network namespaces: as root, setup/demo down --purge, then setup/demo --network namespaces"
    THREE_ETCD = "three etcd members: setup/demo down --purge, then setup/demo without --small"


@dataclass(frozen=True)
class Description:
    """What a fault is. `undone`: what is undone when the run is over, before the cluster is healed; healing
    itself starts whatever is down. `variants`: how many ways it has, which runs take in turn. `needs`: of the
    cluster. `lasts`: seconds that it takes itself, at most, before anything can recover."""

    about: str
    moves_primary: bool = True
    undone: str = ""
    variants: int = 1
    needs: Need | None = None
    lasts: float = 0.0

    @property
    def in_full(self) -> str:
        """The sentence, with its ways and with what is undone."""
        ways = f"; {self.variants} ways, run by run" if self.variants > 1 else ""
        return f"{self.about}{ways}{f'; afterwards {self.undone}' if self.undone else ''}"

    @property
    def needs_words(self) -> str:
        """What to do so that the cluster has it."""
        return f"it needs {self.needs.value}" if self.needs else "it needs nothing special"


FAULTS: Mapping[Fault, Description] = {
    Fault.SWITCHOVER: Description(
        "a planned switchover by `ha-sidecar switchover`; in stock, by Patroni"
    ),
    Fault.PATRONICTL_SWITCHOVER: Description(
        "a planned switchover asked of Patroni alone, as patronictl does"
    ),
    Fault.KILL_PRIMARY: Description(
        "kill -9 of every process of the primary's host, PostgreSQL and Patroni"
    ),
    Fault.FREEZE_PRIMARY: Description(
        "every process of the primary's host stopped in place (SIGSTOP), sockets left open",
        undone="the processes go on",
    ),
    Fault.DROP_PRIMARY: Description(
        "every packet from and to the primary's host dropped",
        undone="packets pass again",
        needs=Need.NAMESPACES,
    ),
    Fault.KILL_POSTGRES: Description("kill -9 of PostgreSQL on the primary; its Patroni lives on"),
    Fault.DOUBLE_FAILOVER: Description(
        "the primary's host killed, and its successor's within 10 s of the promotion", variants=4
    ),
    Fault.LAGGING_REPLICAS: Description(
        "the replicas receive nothing for 1.5 s, then the primary's host killed, and what was on its way to them"
        " lost; without synchronous replication that takes acknowledged writes with it"
    ),
    Fault.FREEZE_PATRONI: Description(
        "Patroni of the primary stopped in place while PostgreSQL lives on; thawed after the promotion",
        undone="Patroni goes on",
    ),
    Fault.OLD_PRIMARY_RETURNS: Description(
        "the primary's host frozen (or killed), and back under load after the promotion",
        undone="the processes go on",
        variants=2,
    ),
    Fault.KILL_SIDECAR: Description(
        "PostgreSQL killed, and the sidecar at one step of the failover, both sidecars in each fifth run",
        variants=5,
    ),
    Fault.ETCD_LEADER_LOSS: Description(
        "kill -9 of etcd's leader", moves_primary=False, needs=Need.THREE_ETCD
    ),
    Fault.ETCD_QUORUM_LOSS: Description(
        "kill -9 of two of three etcd members for 15 s",
        moves_primary=False,
        needs=Need.THREE_ETCD,
    ),
    Fault.KILL_ODOO_NODE: Description(
        "kill -9 of every process of the first Odoo node", moves_primary=False
    ),
    Fault.KILL_REDIS_MASTER: Description(
        "kill -9 of the Redis primary and of the Sentinel beside it", moves_primary=False
    ),
    Fault.KILL_ALL_REDIS: Description(
        "kill -9 of every Redis and every Sentinel, for the length of the load", moves_primary=False
    ),
    Fault.KILL_REDIS_AND_PRIMARY: Description(
        "kill -9 of every Redis and every Sentinel, and of the primary's host while they are gone",
        variants=2,
    ),
    Fault.STOP_S3: Description(
        "the S3 store stopped for the length of the load", moves_primary=False
    ),
    Fault.SLOW_S3: Description(
        "each answer of the S3 store 5 s late, for the length of the load", moves_primary=False
    ),
    Fault.S3_ERRORS: Description(
        "30 % of the S3 store's answers a 500 or cut in the middle, for the length of the load",
        moves_primary=False,
    ),
    Fault.ROLLOUT: Description(
        "`odoo-ha rollout`: each Odoo node in turn is drained, stopped, started and given back; no request may"
        " even have to be sent again",
        moves_primary=False,
        lasts=300.0,
    ),
}


def faults_for(layout: Layout) -> tuple[Fault, ...]:
    """Those that a cluster of this shape can have."""
    return tuple(fault for fault in Fault if not lacks(layout, fault))


def lacks(layout: Layout, fault: Fault) -> bool:
    """Whether the cluster lacks what the fault needs."""
    match FAULTS[fault].needs:
        case Need.NAMESPACES:
            return layout.network != "namespaces"
        case Need.THREE_ETCD:
            return len(layout.etcd) < 3
    return False


@dataclass(frozen=True, kw_only=True)
class DrillOptions:
    """One drill: a fault, how often, and under which load. Times are seconds.

    `first`: the number of the first run; a fault with variants takes them by number.

    :raises ValueError: when a value makes no sense; the message names it and the remedy.
    """

    fault: Fault
    runs: int = 1
    first: int = 0
    sync: bool = True
    variants: tuple[Variant, ...] = ("suite",)
    rate: float = 10.0
    steady: float = 6.0
    recovery_limit: float = 85.0
    after: float = 8.0
    request_timeout: float = 90.0
    seed: int = 19

    def __post_init__(self) -> None:
        if not 1 <= self.runs <= 100:
            raise ValueError(f"runs is {self.runs}: it should be from 1 to 100")
        if not self.variants or set(self.variants) - {"suite", "stock"}:
            raise ValueError(f"variants is {self.variants!r}: it should name suite, stock or both")
        if not 0 < self.rate <= 50:
            raise ValueError(
                f"rate is {self.rate}: it should be above 0 and at most 50 requests a second"
            )
        for name in ("steady", "recovery_limit", "after", "request_timeout"):
            value = getattr(self, name)
            if not 0 < value <= 300:
                raise ValueError(f"{name} is {value}: it should be above 0 and at most 300 seconds")

    @property
    def longest(self) -> float:
        """Seconds for which requests may be started, at most."""
        return self.steady + self.patience + self.after

    @property
    def patience(self) -> float:
        """Seconds from the fault's beginning to recovery, at most."""
        return FAULTS[self.fault].lasts + self.recovery_limit
