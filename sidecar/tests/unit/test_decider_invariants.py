"""Random lives of a cluster: whatever happens, and in whatever order, the rules hold.

The model knows the truth (who is a primary on which timeline); the decider sees the election
late or not at all, and probes that are lost, late or of the wrong server.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ha_sidecar.cluster import (
    Answer,
    ClusterView,
    Hold,
    Member,
    Primary,
    ProbeReport,
    Source,
    Switchover,
    Target,
)
from ha_sidecar.decider import decide, target_of
from ha_sidecar.state import Limits, Memory, Moment, Observation, Publish, Remember, State
from ha_sidecar.transitions import Phase

LIMITS = Limits(prove_timeout=1.0, switching_timeout=10.0)
START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("pg1", "pg2", "pg3")
MEMBERS = tuple(Member(name, f"{name}.example", 5432) for name in NAMES)
IDENTIFIER = "7000"
names = st.sampled_from(NAMES)


class ClusterLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.state = State(Memory())
        self.view: ClusterView | None = None
        self.probe: ProbeReport | None = None
        self.source = Source.ETCD
        # The truth: the timeline each server is a primary on, None for a replica.
        self.serving: dict[str, int | None] = {"pg1": 1, "pg2": None, "pg3": None}
        self.down: set[str] = set()
        self.asked: list[tuple[Target, float, Answer]] = []
        self.epochs: list[tuple[int, Primary]] = []
        self.disk = self.state.memory

    # -- what happens in the cluster

    @rule(
        leader=st.none() | names,
        paused=st.booleans(),
        planned=st.booleans(),
        held=st.none() | names,
    )
    def elect(self, leader: str | None, paused: bool, planned: bool, held: str | None) -> None:
        self.view = ClusterView(
            leader,
            MEMBERS,
            IDENTIFIER,
            paused=paused,
            switchover=Switchover(leader) if planned else None,
            hold=Hold(held, "pg3") if held else None,
        )

    @rule(name=names)
    def promote(self, name: str) -> None:
        self.serving[name] = max(each or 0 for each in self.serving.values()) + 1

    @rule(name=names)
    def demote(self, name: str) -> None:
        self.serving[name] = None

    @rule(name=names)
    def old_primary_returns(self, name: str) -> None:
        self.serving[name] = 1

    @rule(name=names)
    def stop_or_start(self, name: str) -> None:
        self.down ^= {name}

    @rule(source=st.sampled_from(Source))
    def change_source(self, source: Source) -> None:
        self.source = source

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.0, 4.0, 11.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self._decide()

    # -- what the sidecar does

    @rule()
    def probe_target(self) -> None:
        target = target_of(self.state, self.view)
        if target is not None:
            self._probe(target, self.now)

    @rule(name=names, age=st.floats(0.0, 3.0))
    def late_or_stray_report(self, name: str, age: float) -> None:
        self._probe(Target(name, f"{name}.example", 5432), self.now - age)

    @rule()
    def restart(self) -> None:
        self.state = State(self.disk)
        self.probe = None
        self._decide()

    @precondition(lambda self: self.view is not None)
    @rule()
    def settle(self) -> None:
        """Whatever came before: a healthy elected server on the top timeline gets published."""
        assert self.view is not None
        top = max(self.state.memory.highest_timeline, 1) + 1
        self.serving["pg2"], self.down = top, set()
        self.view = ClusterView("pg2", MEMBERS, IDENTIFIER)
        self._decide()
        self.probe_target()
        assert self.state.phase is Phase.STABLE
        assert self.state.primary is not None
        assert self.state.primary.name == "pg2"

    def _probe(self, target: Target, asked_at: float) -> None:
        if target.name in self.down:
            self.probe = ProbeReport(target, asked_at, error="connection refused")
        else:
            timeline = self.serving[target.name]
            answer = Answer(timeline is None, IDENTIFIER, timeline)
            self.probe = ProbeReport(target, asked_at, answer=answer)
            self.asked.append((target, asked_at, answer))
        self._decide()

    def _decide(self) -> None:
        before = self.state
        moment = Moment(self.now, START + timedelta(seconds=self.now))
        seen = Observation(self.view, self.source, self.probe)
        # check_invariants runs inside; what follows is checked independently of it.
        self.state, actions = decide(before, seen, moment, LIMITS)
        for action in actions:
            if isinstance(action, Remember):
                self.disk = action.memory
            if isinstance(action, Publish):
                assert self.disk == self.state.memory, "published before it was remembered"
        if (self.state.phase, self.state.primary) != (before.phase, before.primary):
            assert any(isinstance(action, Publish) for action in actions)
        if self.state.primary is not None:
            self.epochs.append((self.state.memory.epoch, self.state.primary))

    # -- what always holds

    @invariant()
    def published_is_proven(self) -> None:
        primary = self.state.primary
        if primary is None:
            return
        assert any(
            target == primary.target
            and not answer.in_recovery
            and answer.timeline == primary.timeline
            and asked_at <= self.now
            for target, asked_at, answer in self.asked
        )

    @invariant()
    def one_primary_an_epoch_and_epochs_rise(self) -> None:
        seen: dict[int, Primary] = {}
        for epoch, primary in self.epochs:
            assert seen.setdefault(epoch, primary) == primary, "two primaries in one epoch"
        epochs = [epoch for epoch, _ in self.epochs]
        assert epochs == sorted(epochs)

    @invariant()
    def timelines_never_fall(self) -> None:
        timelines = [primary.timeline for _, primary in self.epochs]
        assert timelines == sorted(timelines)


TestClusterLife = ClusterLife.TestCase
TestClusterLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
