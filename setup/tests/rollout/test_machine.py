"""Every step of a rollout, failing and interrupted, on a cluster that does what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from ha_setup.rollout import record
from ha_setup.rollout.machine import advance, begin, go_on
from ha_setup.rollout.state import (
    Ended,
    Fetch,
    Interrupted,
    Look,
    Looked,
    Observation,
    Outcome,
    Plan,
    Run,
    State,
    Version,
)
from ha_setup.rollout.steps import RULES, Step

PLAN = Plan(settle=10, idle_limit=60, start_limit=60, spare_limit=30)
WELL = Look(live=True, started=True, ready=True, draining=False, busy=0)
NODES = ("odoo1", "odoo2", "odoo3")
Tamper = Callable[["World"], None]


@dataclass
class World:
    """Three nodes. `fails`: commands (and "warm") that go wrong, once. `busy`: requests that never end."""

    fails: set[str] = field(default_factory=set)
    busy: bool = False
    never_ready: bool = False
    drained: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    code: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NODES, "old"))
    done: list[str] = field(default_factory=list)
    now: float = 1000.0

    def looks(self) -> dict[str, Look]:
        return {
            name: Look()
            if name in self.stopped
            else Look(
                live=True,
                started=not self.never_ready or self.code[name] == "old",
                ready=name not in self.drained,
                draining=name in self.drained,
                busy=int(self.busy),
            )
            for name in NODES
        }

    def perform(self, run: Run | Fetch) -> Ended:
        name = run.node
        what = run.command if isinstance(run, Run) else "warm"
        self.done.append(f"{name} {what}")
        match what:
            case "stop":
                assert name in self.drained, "requests would be cut"
        if what in self.fails:
            self.fails.discard(what)
            return Ended(False, "no luck")
        match what:
            case "drain":
                self.drained.add(name)
            case "undrain":
                self.drained.discard(name)
            case "stop":
                self.stopped.add(name)
            case "start":
                self.stopped.discard(name)
            case "upgrade" | "undo":
                assert name in self.stopped
                self.code[name] = "new" if what == "upgrade" else "old"
        assert len(self.drained) <= 1 and len(self.stopped) <= 1
        return Ended(True)

    def drive(
        self, state: State, plan: Plan = PLAN, interrupt: Step | None = None, first: str = "odoo1"
    ) -> State:
        """Until it has ended; `interrupt` when the first node has come to that step."""
        effect: Run | Fetch | None = None
        for _ in range(1000):
            if state.outcome is not Outcome.RUNNING:
                return state
            assert record.from_json(record.to_json(state)) == replace(state, quiet_since=None)
            self.now += 1
            observation: Observation
            if state.step is interrupt and state.node == first:
                interrupt = None
                observation = Interrupted()
            elif effect is not None:
                observation, effect = self.perform(effect), None
            else:
                observation = Looked(self.looks())
            state, actions = advance(state, observation, self.now, plan)
            for action in actions:
                if isinstance(action, (Run, Fetch)):
                    effect = action
        raise AssertionError("it does not end")

    def start(self, plan: Plan = PLAN, interrupt: Step | None = None) -> State:
        return self.drive(begin(self.looks(), self.now), plan, interrupt)


def test_all_nodes_one_after_the_other() -> None:
    world = World()
    state = world.start()
    assert state.outcome is Outcome.DONE
    assert set(state.versions.values()) == {Version.NEW}
    steps = ["drain", "stop", "upgrade", "start", "warm", "undrain"]
    assert world.done == [f"{name} {step}" for name in NODES for step in steps]
    assert (world.drained, world.stopped) == (set(), set())


def test_a_schema_is_changed_once_on_the_first_node() -> None:
    world = World()
    state = world.start(replace(PLAN, migrates=True))
    assert [each for each in world.done if "migrate" in each] == ["odoo1 migrate"]
    assert world.done.index("odoo1 migrate") == world.done.index("odoo1 upgrade") + 1
    assert state.migrated


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ({"odoo1": WELL}, "one node only"),
        ({"odoo1": WELL, "odoo2": Look()}, "odoo2 does not answer"),
        ({"odoo1": WELL, "odoo2": replace(WELL, ready=False)}, "odoo2 is not ready"),
        ({"odoo1": replace(WELL, ready=False, draining=True), "odoo2": WELL}, "odoo1 is being dr"),
    ],
)
def test_it_does_not_begin_when_no_node_can_be_spared(nodes: dict[str, Look], reason: str) -> None:
    state = begin(nodes, 0)
    assert state.outcome is Outcome.FAILED
    assert reason in state.reason


def test_it_goes_to_no_other_node_while_one_is_down() -> None:
    world = World()
    state = begin(world.looks(), world.now)
    world.stopped.add("odoo3")  # after the first look
    state = world.drive(state)
    assert state.outcome is Outcome.FAILED
    assert "odoo3 does not answer" in state.reason
    assert world.done == []


def test_requests_that_do_not_end_bring_the_node_back() -> None:
    world = World(busy=True)
    state = world.start()
    assert state.outcome is Outcome.FAILED
    assert "1 requests" in state.reason
    assert world.done == ["odoo1 drain", "odoo1 undrain"]
    assert world.drained == set()


def test_a_node_is_idle_only_when_it_was_so_for_the_whole_time() -> None:
    state = World().start(replace(PLAN, settle=0.5), Step.IDLE)  # any: for a state in idle
    state = replace(
        state, node="odoo1", step=Step.IDLE, outcome=Outcome.RUNNING, ending=None, since=0
    )
    quiet = replace(WELL, ready=False, draining=True)
    for now, busy in [(1, 0), (9, 0), (10, 1), (11, 0), (20, 0)]:
        looks = {"odoo1": replace(quiet, busy=busy)}
        state, _ = advance(state, Looked(looks), now, PLAN)
        assert state.step is Step.IDLE
    state, _ = advance(state, Looked({"odoo1": quiet}), 21, PLAN)
    assert state.step is Step.STOP


UNCHANGED = ["drain", "stop"]
CHANGED = ["upgrade", "start", "warm", "undrain"]


@pytest.mark.parametrize("command", [*UNCHANGED, *CHANGED])
def test_a_failing_step_leaves_the_others_alone(command: str) -> None:
    world = World(fails={command})
    state = world.start()
    assert state.outcome is Outcome.FAILED
    assert "no luck" in state.reason
    assert {each.split()[0] for each in world.done} == {"odoo1"}
    if command in UNCHANGED:
        assert world.code["odoo1"] == "old"
        assert (state.node, world.drained, world.stopped) == (None, set(), set())
    else:  # left as it is, and said
        assert state.node == "odoo1"
        assert "odoo1" in world.drained
    # The cause is gone: it goes on where it was, and all get there.
    resumed = world.drive(go_on(state, world.now, undo=False))
    assert resumed.outcome is Outcome.DONE
    assert set(world.code.values()) == {"new"}
    assert (world.drained, world.stopped) == (set(), set())


@pytest.mark.parametrize("command", CHANGED)
def test_with_undo_a_failing_step_brings_the_old_version_back(command: str) -> None:
    world = World(fails={command})
    state = world.start(replace(PLAN, can_undo=True))
    assert state.outcome is Outcome.FAILED
    assert state.node is None
    assert set(world.code.values()) == {"old"}
    assert (world.drained, world.stopped) == (set(), set())
    assert {each.split()[0] for each in world.done} == {"odoo1"}


def test_a_version_that_does_not_get_ready_is_undone() -> None:
    world = World(never_ready=True)
    state = world.start(replace(PLAN, can_undo=True))
    assert "startup failed: not ready after" in state.reason
    assert state.outcome is Outcome.FAILED
    assert set(world.code.values()) == {"old"}
    assert (world.drained, world.stopped) == (set(), set())


@pytest.mark.parametrize("command", ["migrate", "start"])
def test_after_a_schema_change_the_old_version_is_not_started_by_itself(command: str) -> None:
    world = World(fails={command})
    state = world.start(replace(PLAN, can_undo=True, migrates=True))
    assert state.outcome is Outcome.FAILED
    assert state.node == "odoo1"
    assert not any("undo" in each for each in world.done)


def test_when_the_way_back_fails_too_both_are_said() -> None:
    world = World(fails={"upgrade", "undo"})
    state = world.start(replace(PLAN, can_undo=True))
    assert state.outcome is Outcome.FAILED
    assert state.versions["odoo1"] is Version.HALF
    assert "upgrade" not in state.reason
    assert "change failed" in state.reason
    assert "then odoo1: change failed" in state.reason


@pytest.mark.parametrize("can_undo", [False, True])
@pytest.mark.parametrize("step", list(RULES))
def test_interrupted_anywhere_the_node_at_hand_is_in_service(step: Step, can_undo: bool) -> None:
    plan = replace(PLAN, can_undo=can_undo, migrates=True)
    world = World()
    state = world.start(plan, step)
    assert state.outcome is Outcome.STOPPED
    assert state.node is None
    assert (world.drained, world.stopped) == (set(), set())
    assert {each.split()[0] for each in world.done} == {"odoo1"}
    early = step in (Step.DRAIN, Step.IDLE, Step.STOP)
    assert world.code["odoo1"] == ("old" if early else "new")
    resumed = world.drive(go_on(state, world.now, undo=False), plan)
    assert resumed.outcome is Outcome.DONE
    assert sum("migrate" in each for each in world.done) == 1


@pytest.mark.parametrize("step", list(RULES))
def test_the_process_dies_at_any_step_and_another_goes_on_or_back(step: Step) -> None:
    plan = replace(PLAN, can_undo=True)
    for undo in (False, True):
        world = World()
        state, effect = begin(world.looks(), world.now), None
        while (state.node, state.step) != ("odoo2", step):
            if step is Step.MIGRATE:
                return  # there is none in this plan
            world.now += 1
            seen: Observation = world.perform(effect) if effect else Looked(world.looks())
            state, actions = advance(state, seen, world.now, plan)
            effect = next((a for a in actions if isinstance(a, (Run, Fetch))), None)
        if effect is not None:
            world.perform(effect)  # its end was not written down
        kept = record.from_json(record.to_json(state))
        final = world.drive(go_on(kept, world.now, undo=undo), plan)
        assert final.outcome is Outcome.DONE
        assert set(world.code.values()) == {"old" if undo else "new"}
        assert (world.drained, world.stopped) == (set(), set())


def test_undo_goes_the_other_way_round() -> None:
    plan = replace(PLAN, can_undo=True)
    world = World()
    state = world.start(plan)
    world.done.clear()
    state = world.drive(go_on(state, world.now, undo=True), plan)
    assert state.outcome is Outcome.DONE
    assert [each for each in world.done if "undo" in each] == [f"{n} undo" for n in NODES[::-1]]
