"""What a rollout does next. Pure: `advance(state, observation, now, plan) -> (state, actions)`.

Invariants, checked after every step: at most one node is at hand, so at most one is drained by us; a node
is stopped only after its requests have ended, or when it answers no more; nothing is begun on a node
unless all others are ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ha_setup.rollout.state import (
    Action,
    Ended,
    Fetch,
    Interrupted,
    Look,
    Looked,
    Observation,
    Outcome,
    Plan,
    Run,
    Say,
    State,
    Version,
)
from ha_setup.rollout.steps import RULES, Step


def begin(nodes: Mapping[str, Look], now: float) -> State:
    """A new rollout. It ends at once when the cluster can't spare a node."""
    state = State(versions=dict.fromkeys(nodes, Version.OLD), since=now)
    if len(nodes) < 2:
        return _failed(state, "there is one node only: while it is upgraded nobody would serve")
    if unfit := [_ail(name, look) for name, look in nodes.items() if _ail(name, look)]:
        return _failed(state, f"the cluster can't spare a node: {', '.join(map(str, unfit))}")
    return state


def go_on(state: State, now: float, *, undo: bool) -> State:
    """The rollout of before again: the node at hand from its beginning; or all of them back."""
    goal = Version.OLD if undo else state.goal
    fresh = replace(
        state,
        goal=goal,
        here=goal,
        since=now,
        ending=None,
        outcome=Outcome.RUNNING,
        reason="",
        quiet_since=None,
    )
    if fresh.node is None:
        return replace(fresh, step=Step.WAITING)
    # Each command can be given again; and from `drain` on nothing is taken for granted.
    return replace(fresh, step=Step.DRAIN)


def advance(
    state: State, observation: Observation, now: float, plan: Plan
) -> tuple[State, tuple[Action, ...]]:
    """Fold one observation in; the actions are to be carried out in their order, and the end of the last one
    that isn't words is the next observation."""
    match observation:
        case Interrupted():
            new, actions = _interrupted(state, now)
        case Ended(well, words):
            new, actions = _next(state, now, plan) if well else _broken(state, words, now, plan)
        case Looked(nodes):
            new, actions = _looked(state, nodes, now, plan)
    _check(state, new)
    return new, actions


def _check(before: State, after: State) -> None:
    """The module's invariants; AssertionError names the one that a change of this module broke."""
    assert (after.node is None) == (after.step is Step.WAITING), "a node at hand has a step"
    assert before.node in (None, after.node) or after.node is None, "one node at a time"
    if after.step is Step.STOP and before.step is not Step.STOP:
        assert before.step is Step.IDLE, "a node is stopped when its requests have ended"


# -- what was seen


def _looked(
    state: State, nodes: Mapping[str, Look], now: float, plan: Plan
) -> tuple[State, tuple[Action, ...]]:
    if state.node is None:
        return _choose(state, nodes, now, plan)
    look = nodes[state.node]
    waited = now - state.since
    match state.step:
        case Step.IDLE:
            # Without word of how many are under way, `settle` is all there is.
            quiet = not look.live or (look.draining is not False and not look.ready)
            quiet = quiet and not look.busy
            since = (state.quiet_since or now) if quiet else None
            state = replace(state, quiet_since=since)
            if since is not None and now - since >= plan.settle:
                return _next(state, now, plan)
            if waited > plan.idle_limit:
                what = f"{look.busy} requests" if look.busy else "a node that does not say drained"
                return _broken(state, f"{what} after {waited:.0f} s", now, plan)
        case Step.STARTUP:
            if look.started:
                return _next(state, now, plan)
            if waited > plan.start_limit:
                return _broken(state, f"not ready after {waited:.0f} s", now, plan)
        case Step.READY:
            if look.ready:
                return _next(state, now, plan)
            if waited > plan.start_limit:
                return _broken(state, f"not ready after {waited:.0f} s", now, plan)
        case _:  # a command that was interrupted with this process: again
            return state, (_effect(state),)
    return state, ()


def _choose(
    state: State, nodes: Mapping[str, Look], now: float, plan: Plan
) -> tuple[State, tuple[Action, ...]]:
    if not state.left:
        return replace(state, outcome=Outcome.DONE, since=now), ()
    name = state.left[0]
    others = [_ail(each, look) for each, look in nodes.items() if each != name]
    if unfit := [each for each in others if each]:
        if now - state.since > plan.spare_limit:
            return _failed(state, f"no node can be spared: {', '.join(unfit)}"), ()
        return state, ()
    return _enter(replace(state, node=name, here=state.goal), Step.DRAIN, now)


def _ail(name: str, look: Look) -> str | None:
    if look.draining:
        return f"{name} is being drained"
    if not look.ready:
        return f"{name} is not ready" if look.live else f"{name} does not answer"
    return None


# -- from step to step


def _enter(state: State, step: Step, now: float) -> tuple[State, tuple[Action, ...]]:
    state = replace(state, step=step, since=now, quiet_since=None)
    assert state.node is not None
    said = Say(f"{state.node}: {step.value}: {RULES[step].about}")
    if step is Step.CHANGE:
        versions = {**state.versions, state.node: Version.HALF}
        state = replace(state, versions=versions)
    if RULES[step].is_command or step is Step.WARM:
        return state, (said, _effect(state))
    return state, (said,)


def _effect(state: State) -> Action:
    assert state.node is not None
    if state.step is Step.WARM:
        return Fetch(state.node)
    if state.step is Step.CHANGE:
        return Run(state.node, "upgrade" if state.here is Version.NEW else "undo")
    return Run(state.node, state.step.value)


def _next(state: State, now: float, plan: Plan) -> tuple[State, tuple[Action, ...]]:
    """The step at hand went well."""
    name = state.node
    assert name is not None
    if state.step is Step.CHANGE:
        state = replace(state, versions={**state.versions, name: state.here})
    if state.step is Step.MIGRATE:
        state = replace(state, migrated=True)
    back = RULES[state.step].unchanged
    if back is not None and state.ending is Outcome.STOPPED and _is_unchanged(state):
        return _enter(state, back, now)
    step = RULES[state.step].then
    if step is Step.CHANGE and state.versions[name] is state.here:
        step = Step.START  # it was changed in the rollout that is gone on with
    wanted = plan.migrates and not state.migrated and state.here is Version.NEW
    if step is Step.MIGRATE and not wanted:
        step = Step.START
    if step is not Step.DONE:
        return _enter(state, step, now)
    said = Say(f"{name}: in service, {state.versions[name].value} version")
    state = replace(state, node=None, step=Step.WAITING, since=now)
    if state.ending is not None:
        state = replace(state, outcome=state.ending)
    return state, (said,)


def _broken(state: State, words: str, now: float, plan: Plan) -> tuple[State, tuple[Action, ...]]:
    """The step at hand failed."""
    assert state.node is not None
    what = f"{state.node}: {state.step.value} failed: {words}"
    if state.ending is Outcome.FAILED:
        return _failed(state, f"{state.reason}; then {what}"), (Say(what),)
    state = replace(state, ending=Outcome.FAILED, reason=what)
    back = RULES[state.step].unchanged
    if _is_unchanged(state):
        if back is None:  # it was on its way back already
            return _failed(state, what), (Say(what),)
        new, actions = _enter(state, back, now)
        return new, (Say(f"{what}; it is brought back as it was"), *actions)
    # Once the schema is the new one's, or half of it, the old version may not run on it.
    pure = not state.migrated and state.step is not Step.MIGRATE
    if plan.can_undo and pure and state.here is Version.NEW:
        state = replace(state, here=Version.OLD)
        step = Step.CHANGE if state.step is Step.CHANGE else Step.DRAIN
        new, actions = _enter(state, step, now)
        return new, (Say(f"{what}; its old version is brought back"), *actions)
    return _failed(state, what), (Say(what),)


def _interrupted(state: State, now: float) -> tuple[State, tuple[Action, ...]]:
    if state.node is None:
        return replace(state, outcome=Outcome.STOPPED, reason="interrupted"), ()
    if state.ending is None:
        state = replace(state, ending=Outcome.STOPPED, reason="interrupted")
    if state.step is Step.IDLE and state.ending is Outcome.STOPPED and _is_unchanged(state):
        new, actions = _enter(state, Step.UNDRAIN, now)
        return new, (Say(f"interrupted: {state.node} is brought back as it was"), *actions)
    return state, (Say(f"interrupted: ends as soon as {state.node} is in service"),)


def _is_unchanged(state: State) -> bool:
    """Does the node at hand run what it ran before, in a version that is not the wanted one?"""
    assert state.node is not None
    return state.versions[state.node] not in (Version.HALF, state.here)


def _failed(state: State, reason: str) -> State:
    return replace(state, outcome=Outcome.FAILED, reason=reason)
