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

from dataclasses import replace

from .cluster import ClusterView, Primary, ProbeReport, Target
from .invariants import check_invariants
from .state import (
    Action,
    Limits,
    Memory,
    Moment,
    Observation,
    Publish,
    Remember,
    State,
    Tell,
)
from .transitions import Keep, Phase, Row, Situation, row_for

#: Seconds between two publications when nothing changes (the document's heartbeat).
HEARTBEAT = 1.0
#: Least seconds between two tellings of why it is lost or switching, when only the reason changes.
TELL_INTERVAL = 1.0


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
        return None, False, f"{target} gave no answer for {limits.prove_timeout:g} s"
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
    return "hold" if _is_held(state, view) else None


def _is_held(state: State, view: ClusterView) -> bool:
    """A hold is for one primary: with the next one proven it is over, released or not."""
    last = state.memory.primary
    return view.hold is not None and view.hold.leader == (last.name if last else view.leader)


def is_draining(state: State) -> bool:
    """Tell whether ``ha-sidecar switchover`` holds new transactions and waits for open ones to end:
    Patroni wasn't asked yet."""
    held = state.phase is Phase.SWITCHING and state.unsettled == "hold"
    return held and state.primary is not None


def decide(
    state: State, seen: Observation, now: Moment, limits: Limits
) -> tuple[State, tuple[Action, ...]]:
    """Return the next state and what has to be done, in order.

    Raises InvariantBroken rather than let a wrong decision out.
    """
    before, view = state, seen.view
    if state.started_at is None:
        state = replace(state, started_at=now.monotonic, told_at=now.monotonic, since=now.wall)
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
    if changed:
        state = replace(state, since=now.wall)
    state = replace(state, source=seen.source)
    actions: list[Action] = []
    if state.memory != before.memory:
        actions.append(Remember(state.memory))
    if changed or _beat_due(before, state, now, limits):
        state = replace(state, published_at=now.monotonic)
        actions.append(Publish(changed))
    if changed or _news_for_people(state, (situation, detail), now):
        state = replace(state, told=(situation, detail), told_at=now.monotonic)
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
        if state.unsettled == "hold":
            return Situation.HELD if holds else Situation.HELD_UNPROVEN
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


def _beat_due(before: State, state: State, now: Moment, limits: Limits) -> bool:
    if before.published_at is None:
        # A restarted sidecar leaves its predecessor's document alone for the moment that the
        # first proof takes: a restart is no outage.
        started_at = now.monotonic if state.started_at is None else state.started_at
        return now.monotonic - started_at >= limits.prove_timeout
    return before.source != state.source or now.monotonic - before.published_at >= HEARTBEAT


def _news_for_people(state: State, news: tuple[Situation, str], now: Moment) -> bool:
    return (
        state.phase is not Phase.STABLE
        and news != state.told
        and now.monotonic - state.told_at >= TELL_INTERVAL
    )
