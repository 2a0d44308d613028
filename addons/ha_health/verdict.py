"""Is this node well? A pure decision over what was seen last.

What is asked: ``probe`` live (does the process answer?), ready (should it get requests?) or
startup (was it ready once?), and for a ``role`` of the database: primary, or standby for a node
that only reads.

===========================  ======================================================  ======
probe                        seen                                                    status
===========================  ======================================================  ======
live                         anything                                                pass
startup                      a primary, once                                         pass
ready                        the node is being drained                               fail
others                       the role, not older than ``max_age``                    pass
others, role=primary         else, and requests would wait for it within the budget  warn
others                       else                                                    fail
===========================  ======================================================  ======

Why *warn* is a 200: a node that leaves the balancer while it holds requests turns a pause into
errors. The budget is ha_failover's ``hold_timeout``, counted from when the outage began. It is
for a node that saw its primary before, or whose sidecar says that an outage has just begun: one
that was started on a standby fails at once.

A standby passes only as far behind as the caller allows (``lag``); one whose lag nobody knows, such
as one that no longer streams, is too far behind for anyone who asks.

Invariant: never *pass* without a look at the database that was young enough and saw the role.
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """In the words of draft-inadarei-api-health-check-06."""

    PASS = "pass"  # noqa: S105 (no password)
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Lag:
    """How far a standby is behind; each None when it isn't known, or not asked."""

    bytes: float | None = None
    seconds: float | None = None

    def exceeds(self, allowed: "Lag") -> bool:
        """Is it more than ``allowed`` in anything that ``allowed`` names?"""
        return any(
            most is not None and (is_ is None or is_ > most)
            for is_, most in ((self.bytes, allowed.bytes), (self.seconds, allowed.seconds))
        )

    def __str__(self) -> str:
        told = [f"{self.bytes:.0f} bytes"] if self.bytes is not None else []
        told += [f"{self.seconds:.1f} s"] if self.seconds is not None else []
        return " and ".join(told) or "nobody knows how far"


@dataclass(frozen=True)
class Question:
    """What the caller asks for; ``lag`` is the most that a standby may be behind."""

    probe: str = "ready"
    role: str = "primary"
    db_server_status: bool = False
    lag: Lag = Lag()


@dataclass(frozen=True)
class Look:
    """One look at the database.

    :param at: when it ended, seconds of the monotonic clock
    :param role: primary or standby; None when no server answered
    :param writable: do its transactions start read/write?
    :param reason: why there is no role, for those who may see details
    :param lag: a standby's
    """

    at: float
    role: str | None
    writable: bool = False
    reason: str = ""
    lag: Lag = Lag()

    def shows(self, role: str) -> bool:
        """Does a server of that role answer, and would it take a primary's work?"""
        return self.role == role and (role == "standby" or self.writable)


@dataclass(frozen=True)
class Memory:
    """What the looks so far add up to.

    :param ready_once: a primary was seen by this process
    :param outage_at: when the primary was missing first (monotonic), None while it is there
    """

    look: Look | None = None
    ready_once: bool = False
    outage_at: float | None = None


@dataclass(frozen=True)
class Holding:
    """What ha_failover says.

    :param budget: ``hold_timeout`` in seconds; None without ha_failover
    :param since: since when the topology has no primary (monotonic), None while it has one
    """

    budget: float | None = None
    since: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The answer's status, and why."""

    status: Status
    reason: str


def remember(memory: Memory, look: Look) -> Memory:
    """Fold one look in."""
    if look.shows("primary"):
        return Memory(look, ready_once=True)
    outage_at = look.at if memory.outage_at is None else memory.outage_at
    return Memory(look, memory.ready_once, outage_at)


def judge(
    question: Question,
    memory: Memory,
    holding: Holding,
    now: float,
    max_age: float,
    draining: bool = False,
) -> Verdict:
    """See the module's table."""
    if question.probe == "live":
        return Verdict(Status.PASS, "the process answers")
    if question.probe == "startup" and memory.ready_once:
        return Verdict(Status.PASS, "it was ready once")
    if draining and question.probe == "ready":
        return Verdict(Status.FAIL, "the node is being drained")
    look = memory.look
    if look is None:
        return Verdict(Status.FAIL, "the database was not looked at yet")
    age = now - look.at
    if age > max_age:
        return Verdict(Status.FAIL, f"the last look at the database is {age:.1f} s old")
    if look.shows(question.role):
        if look.role == "standby" and look.lag.exceeds(question.lag):
            return Verdict(Status.FAIL, f"the standby is too far behind: {look.lag}")
        return Verdict(Status.PASS, f"the database is a {look.role}")
    reason = _wrong(look)
    if question.role == "primary" and not question.db_server_status:
        left = _budget_left(memory, holding, now)
        if left > 0:
            return Verdict(Status.WARN, f"{reason}; requests wait for up to {left:.0f} s more")
    return Verdict(Status.FAIL, reason)


def _wrong(look: Look) -> str:
    if look.role is None:
        return look.reason or "no database server answers"
    if look.role == "primary" and not look.writable:
        return "the database is a primary, but read-only"
    return f"the database is a {look.role}"


def _budget_left(memory: Memory, holding: Holding, now: float) -> float:
    """Seconds for which requests may still wait in this outage; 0 when none would."""
    if holding.budget is None or not (memory.ready_once or holding.since is not None):
        return 0.0
    began = [at for at in (memory.outage_at, holding.since) if at is not None]
    return max(0.0, holding.budget - (now - min(began, default=now)))
