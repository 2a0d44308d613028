"""Decides what to publish: ``decide(state, observation, now) → (state, actions)``. Pure.

Level-triggered: it looks at what is seen now, not at events, so a lost event costs nothing.
Invariants, checked on every decision by ``check_invariants``:

- a primary is published only while its last proof is younger than ``prove_timeout``;
- the epoch rises exactly when the proven primary changes, and never falls;
- the highest timeline seen never falls, and no primary below it is published;
- the cluster's system identifier, once known, never changes;
- ``stable`` always has a primary, ``lost`` never has one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from .cluster import ClusterView, Primary, ProbeReport, Source, Target
from .errors import InvariantBroken
from .transitions import Keep, Phase, Row, Situation, row_for

#: Seconds between two publications when nothing changes (the document's heartbeat).
HEARTBEAT = 1.0


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
    published_at: float | None = None


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
    """Tell people of a transition: the row taken, and what the probe said."""

    row: Row
    detail: str


Action = Remember | Publish | Tell


def target_of(state: State, view: ClusterView | None) -> Target | None:
    """Return the server that has to prove itself: the elected one, else the last primary."""
    if view is None:
        return None
    if view.leader is not None:
        member = view.member(view.leader)
        return member.target if member else None
    return state.memory.primary.target if state.memory.primary else None


def proof(
    memory: Memory, probe: ProbeReport | None, target: Target | None, now: float, limits: Limits
) -> tuple[Primary | None, bool, str]:
    """Judge the probe: ``(the proven primary, whether it was refuted, why in words)``."""
    if target is None:
        return None, False, "no address of the elected member is known"
    if probe is None or probe.target != target:
        return None, False, f"{target} wasn't asked yet"
    answer = probe.answer
    if answer is None:
        return None, False, f"{target}: {probe.error}"
    if now - probe.asked_at >= limits.prove_timeout:
        return None, False, f"{target} last answered {now - probe.asked_at:.1f} s ago"
    if answer.in_recovery or answer.timeline is None:
        return None, True, f"{target} is in recovery"
    known = memory.system_identifier
    if known is None:
        return None, True, f"{target} answers, but the cluster's system identifier isn't known yet"
    if answer.system_identifier != known:
        return None, True, f"{target} has system identifier {answer.system_identifier}, not {known}"
    if answer.timeline < memory.highest_timeline:
        seen = memory.highest_timeline
        return None, True, f"{target} is on timeline {answer.timeline}, {seen} was seen already"
    proven = Primary(target.name, target.host, target.port, answer.timeline, known)
    return proven, False, f"{target} is writable on timeline {answer.timeline}"


def _unsettled(state: State, view: ClusterView, now: Moment) -> str | None:
    """Name what is under way in the cluster, or None when it is settled."""
    last = state.memory.primary
    if view.leader is None:
        return None if view.paused else "leaderless"
    if last is not None and view.leader != last.name:
        return f"elected {view.leader}"
    if view.switchover is not None and view.switchover.is_due(now.wall):
        return "switchover"
    return None


def decide(
    state: State, seen: Observation, now: Moment, limits: Limits
) -> tuple[State, tuple[Action, ...]]:
    """Return the next state and what has to be done, in order.

    Raises InvariantBroken rather than let a wrong decision out.
    """
    before, view = state, seen.view
    if view is not None:
        if state.memory.system_identifier is None and view.system_identifier is not None:
            memory = replace(state.memory, system_identifier=view.system_identifier)
            state = replace(state, memory=memory)
        unsettled = _unsettled(state, view, now)
        if unsettled != state.unsettled:
            state = replace(state, unsettled=unsettled, unsettled_since=now.monotonic)
    target = target_of(state, view)
    proven, refuted, detail = proof(state.memory, seen.probe, target, now.monotonic, limits)
    situation = _situation(state, view, proven, refuted, now, limits)
    row = row_for(state.phase, situation)
    state = _apply(state, row, proven, seen.probe)
    changed = (state.phase, state.primary) != (before.phase, before.primary)
    if changed or before.since is None:
        state = replace(state, since=now.wall)
    state = replace(state, source=seen.source)
    actions: list[Action] = []
    if state.memory != before.memory:
        actions.append(Remember(state.memory))
    if changed or _beat_due(before, state, now):
        state = replace(state, published_at=now.monotonic)
        actions.append(Publish(changed))
    if changed:
        actions.append(Tell(row, detail))
    check_invariants(before, state, now, limits)
    return state, tuple(actions)


def _situation(
    state: State,
    view: ClusterView | None,
    proven: Primary | None,
    refuted: bool,
    now: Moment,
    limits: Limits,
) -> Situation:
    if view is None:
        return Situation.NOTHING_ELECTED
    last = state.memory.primary
    if proven is not None and view.leader is not None and proven != last:
        return Situation.NEW_PROVEN
    # Whether the primary that is published, or was last, still holds by its last proof.
    fresh = proven is not None and proven == last
    pending = (
        not refuted
        and state.primary is not None
        and state.proven_at is not None
        and now.monotonic - state.proven_at < limits.prove_timeout
        and target_of(state, view) == state.primary.target
        and (proven is None or fresh)
    )
    holds = fresh or pending
    if state.unsettled is not None:
        if now.monotonic - state.unsettled_since >= limits.switching_timeout:
            return Situation.STALLED if holds else Situation.STALLED_UNPROVEN
        if state.unsettled == "leaderless":
            return Situation.LEADERLESS if holds else Situation.LEADERLESS_UNPROVEN
        if state.unsettled == "switchover":
            return Situation.SWITCHOVER if holds else Situation.SWITCHOVER_UNPROVEN
        return Situation.OTHER_ELECTED
    if fresh:
        return Situation.SAME_PROVEN
    if refuted:
        return Situation.REFUSED
    return Situation.PROOF_PENDING if pending else Situation.PROOF_EXPIRED


def _apply(state: State, row: Row, proven: Primary | None, probe: ProbeReport | None) -> State:
    memory, primary, proven_at = state.memory, state.primary, state.proven_at
    if row.primary is Keep.DROP:
        primary = None
    elif row.primary is Keep.ADOPT and proven is not None and probe is not None:
        primary, proven_at = proven, probe.asked_at
        if proven != memory.primary:
            memory = Memory(
                epoch=memory.epoch + 1,
                system_identifier=memory.system_identifier,
                highest_timeline=max(memory.highest_timeline, proven.timeline),
                primary=proven,
            )
    return replace(state, memory=memory, phase=row.to, primary=primary, proven_at=proven_at)


def _beat_due(before: State, state: State, now: Moment) -> bool:
    return (
        before.published_at is None
        or before.source != state.source
        or now.monotonic - before.published_at >= HEARTBEAT
    )


def check_invariants(before: State, after: State, now: Moment, limits: Limits) -> None:
    """Raise InvariantBroken, naming the rule, when ``after`` must not follow ``before``."""
    old, new = before.memory, after.memory
    moved = new.primary != old.primary
    rules = {
        "the epoch rises exactly when the proven primary changes": (
            new.epoch == old.epoch + 1 if moved else new.epoch == old.epoch
        ),
        "the highest timeline never falls": new.highest_timeline >= old.highest_timeline,
        "no primary below the highest timeline": (
            after.primary is None or after.primary.timeline >= new.highest_timeline
        ),
        "the system identifier never changes": (
            old.system_identifier in (None, new.system_identifier)
        ),
        "a primary is of the known cluster": (
            after.primary is None or after.primary.system_identifier == new.system_identifier
        ),
        "a primary is the one last proven": after.primary in (None, new.primary),
        "a primary is published only while its proof is young": (
            after.primary is None
            or (
                after.proven_at is not None
                and now.monotonic - after.proven_at < limits.prove_timeout
            )
        ),
        "stable has a primary": after.phase is not Phase.STABLE or after.primary is not None,
        "lost has none": after.phase is not Phase.LOST or after.primary is None,
    }
    for rule, holds in rules.items():
        if not holds:
            raise InvariantBroken(f"{rule}: {before} → {after}")
