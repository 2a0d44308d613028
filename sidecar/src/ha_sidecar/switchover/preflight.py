"""What stands in the way of a switchover, judged before anything is held. Pure.

Each function returns reasons, a line each, that name what was found and the remedy; none means fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..cluster import Answer, ClusterView, Member, ReplicaLag, SyncMode

#: Bytes of WAL that a candidate may still have to replay.
MOST_LAG = 16 * 1024 * 1024
#: Seconds after which an open transaction is taken for one that won't end by itself in time.
LONG_OPEN = 10.0
#: The most transactions that are named.
NAMED = 5


@dataclass(frozen=True)
class OpenTransaction:
    """A client's transaction on the primary, open for ``age`` seconds."""

    pid: int
    user: str
    database: str
    application: str
    client: str
    state: str
    age: float

    def __str__(self) -> str:
        what = f" ({self.application})" if self.application else ""
        return (
            f"pid {self.pid}, {self.user}@{self.database}{what} from {self.client},"
            f" {self.state}, open for {self.age:.1f} s"
        )


@dataclass(frozen=True)
class PrimaryFacts:
    """What the primary says of itself, by SQL."""

    answer: Answer
    lags: Mapping[str, ReplicaLag]
    may_see_all: bool
    may_checkpoint: bool
    #: Addresses that sidecars are connected from.
    sidecars: frozenset[str]
    open: tuple[OpenTransaction, ...]


@dataclass(frozen=True)
class CandidateFacts:
    """What the candidate says of itself, by SQL. ``timeline``: what it streams, None if nothing."""

    in_recovery: bool
    system_identifier: str
    timeline: int | None


def of_view(view: ClusterView, wall: datetime) -> list[str]:
    """Judge what Patroni keeps in etcd."""
    if not view.members:
        return ["etcd has nothing of this Patroni cluster: are scope and namespace Patroni's?"]
    if view.leader is None:
        return ["no leader is elected: wait until Patroni has one"]
    reasons = []
    leader = view.member(view.leader)
    if leader is None:
        reasons.append(f"the leader {view.leader} hasn't told Patroni its address yet")
    elif leader.api_url is None:
        reasons.append(f"the leader {view.leader} hasn't told Patroni its REST address")
    if view.system_identifier is None:
        reasons.append("the cluster isn't initialized yet")
    if view.paused:
        reasons.append("Patroni is paused (maintenance mode): `patronictl resume` first")
    if view.switchover is not None:
        when = view.switchover.scheduled_at
        planned = "is under way" if when is None or when <= wall else f"is scheduled for {when}"
        reasons.append(f"another switchover {planned}: let it end, or `patronictl flush` it")
    if view.hold is not None:
        reasons.append(under_way(view))
    return reasons


def under_way(view: ClusterView) -> str:
    """Say whose hold is in the way."""
    hold = view.hold
    if hold is None:
        return "the leader changed just now: try again"
    return f"a switchover from {hold.leader} to {hold.candidate} is under way, by {hold.by}"


def of_primary(name: str, facts: PrimaryFacts, view: ClusterView, *, force: bool) -> list[str]:
    """Judge the primary: proven, watched by sidecars, and its open transactions."""
    answer = facts.answer
    if answer.in_recovery or answer.timeline is None:
        return [f"{name} is elected but in recovery: wait until it is the primary"]
    if answer.system_identifier != view.system_identifier:
        return [f"{name} has system identifier {answer.system_identifier}, not the cluster's"]
    reasons = []
    if not facts.may_see_all:
        reasons.append("probe_user can't see other users' transactions: grant it pg_monitor")
    if not facts.sidecars and not force:
        reasons.append(
            f"no sidecar is connected to {name}, so no node would hold: start them,"
            " or go on with --force"
        )
    long = [each for each in facts.open if each.age >= LONG_OPEN]
    if long and not force:
        reasons += [f"a transaction is open for long: {each}" for each in long[:NAMED]]
        reasons.append(
            f"{len(long)} open for more than {LONG_OPEN:g} s: end them, or go on with --force,"
            " which ends them by the switchover"
        )
    return reasons


def of_patroni(name: str, node: Mapping[str, Any], *, leads: bool) -> list[str]:
    """Judge what a member's own Patroni answers to /patroni."""
    reasons = []
    if node.get("state") != "running":
        reasons.append(f"Patroni says that PostgreSQL on {name} is {node.get('state')}")
    primary = node.get("role") in {"primary", "master"}
    if leads is not primary:
        reasons.append(f"Patroni says that {name} is {node.get('role')}: wait until it settled")
    if node.get("pause"):
        reasons.append("Patroni is paused (maintenance mode): `patronictl resume` first")
    return reasons


def choose(
    view: ClusterView, lags: Mapping[str, ReplicaLag], wanted: str | None
) -> tuple[Member | None, list[str]]:
    """Return the candidate, or None and why: the one wanted, else the fit one least behind."""
    others = [member for member in view.members if member.name != view.leader]
    if wanted is not None:
        if wanted == view.leader:
            return None, [f"{wanted} is the primary already"]
        others = [member for member in others if member.name == wanted]
        if not others:
            known = ", ".join(member.name for member in view.members if member.name != view.leader)
            return None, [f"there is no member {wanted}; the candidates are: {known or 'none'}"]
    if not others:
        return None, [f"{view.leader} is the only member: there is nothing to switch to"]
    unfit = {member.name: _unfit(member, view, lags.get(member.name)) for member in others}
    fit = [member for member in others if unfit[member.name] is None]
    if not fit:
        return None, [f"{name} {why}" for name, why in unfit.items()]
    return min(fit, key=lambda member: lags[member.name].lag_bytes or 0), []


def _unfit(member: Member, view: ClusterView, lag: ReplicaLag | None) -> str | None:
    if member.nofailover:
        return "is no candidate: its tags in Patroni say nofailover"
    if member.api_url is None:
        return "hasn't told Patroni its REST address"
    if lag is None:
        return f"doesn't stream from {view.leader}"
    if view.sync_mode is not SyncMode.OFF and member.name not in view.sync_names:
        return "isn't a synchronous replica, and synchronous_mode is on"
    if lag.lag_bytes is None or lag.lag_bytes > MOST_LAG:
        return f"is {lag.lag_bytes} bytes behind, more than {MOST_LAG}: wait until it has caught up"
    return None


def of_candidate(name: str, facts: CandidateFacts, primary: Answer) -> list[str]:
    """Judge the candidate by what it says itself."""
    if facts.system_identifier != primary.system_identifier:
        return [f"{name} has system identifier {facts.system_identifier}, not the cluster's"]
    if not facts.in_recovery:
        return [f"{name} is no replica"]
    if facts.timeline != primary.timeline:
        return [f"{name} is on timeline {facts.timeline}, the primary on {primary.timeline}"]
    return []


def named(transactions: Iterable[OpenTransaction]) -> str:
    """The oldest transactions in words."""
    oldest = sorted(transactions, key=lambda each: -each.age)
    more = f", and {len(oldest) - NAMED} more" if len(oldest) > NAMED else ""
    return "; ".join(str(each) for each in oldest[:NAMED]) + more
