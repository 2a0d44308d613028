"""What a drill is asked to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ha_setup.cluster.layout import Variant


class Fault(StrEnum):
    """The faults, named as verbs."""

    SWITCHOVER = "switchover"
    PATRONICTL_SWITCHOVER = "patronictl-switchover"
    KILL_PRIMARY = "kill-primary"
    FREEZE_PRIMARY = "freeze-primary"
    KILL_POSTGRES = "kill-postgres"
    KILL_ODOO_NODE = "kill-odoo-node"
    KILL_REDIS_MASTER = "kill-redis-master"
    STOP_S3 = "stop-s3"
    KILL_SIDECAR = "kill-sidecar"

    @property
    def moves_primary(self) -> bool:
        """True when a new PostgreSQL primary must appear before the run counts as recovered."""
        return self in _MOVES_PRIMARY

    @property
    def about(self) -> str:
        """One sentence for people."""
        return _ABOUT[self]


_MOVES_PRIMARY = frozenset(
    {
        Fault.SWITCHOVER,
        Fault.PATRONICTL_SWITCHOVER,
        Fault.KILL_PRIMARY,
        Fault.FREEZE_PRIMARY,
        Fault.KILL_POSTGRES,
    }
)
_ABOUT = {
    Fault.SWITCHOVER: "a planned switchover by `ha-sidecar switchover`",
    Fault.PATRONICTL_SWITCHOVER: "a planned switchover asked of Patroni alone, as patronictl does",
    Fault.KILL_PRIMARY: "kill -9 of every process of the primary's host, PostgreSQL and Patroni",
    Fault.FREEZE_PRIMARY: "every process of the primary's host stopped in place (SIGSTOP), sockets left open",
    Fault.KILL_POSTGRES: "kill -9 of PostgreSQL on the primary; its Patroni lives on",
    Fault.KILL_ODOO_NODE: "kill -9 of every process of the first Odoo node",
    Fault.KILL_REDIS_MASTER: "kill -9 of the Redis primary and of the Sentinel beside it",
    Fault.STOP_S3: "the S3 store stopped for the length of the load",
    Fault.KILL_SIDECAR: "kill -9 of the first Odoo node's sidecar",
}


@dataclass(frozen=True, kw_only=True)
class DrillOptions:
    """One drill: a fault, how often, and under which load. Times are seconds.

    :raises ValueError: when a value makes no sense; the message names it and the remedy.
    """

    fault: Fault
    runs: int = 1
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
        return self.steady + self.recovery_limit + self.after
