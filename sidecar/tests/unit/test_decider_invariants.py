"""Random lives of a cluster: whatever happens, and in whatever order, the rules hold.

The model knows the truth: who leads, who is writable on which timeline, what the clocks say. The
decider sees the election late or not at all, and probes that are lost, late, or overtaken by what
happened while they were under way. What must hold is checked against the truth, beside and
independently of the invariants that ``decide`` checks itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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


@dataclass
class Server:
    """What a server really is. A frozen one answers nothing, and is what it was when thawed."""

    writable: bool = False
    timeline: int = 1
    frozen: bool = False
    identifier: str = IDENTIFIER


class ClusterLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now, self.wall = 100.0, START
        self.servers = {name: Server(writable=name == "pg1") for name in NAMES}
        self.election = ClusterView("pg1", MEMBERS, IDENTIFIER)
        # What the sidecar has, has seen, and has told.
        self.state = State(Memory())
        self.view: ClusterView | None = None
        self.source = Source.ETCD
        self.probe: ProbeReport | None = None
        self.under_way: ProbeReport | None = None
        self.disk = self.state.memory
        self.document: tuple[Phase, Primary | None, int] | None = None
        self.answers: list[ProbeReport] = []
        self.elected: set[str] = set()
        self.told: list[tuple[int, Primary]] = []

    # -- what happens to the cluster

    @rule(leader=st.none() | names)
    def elect(self, leader: str | None) -> None:
        """The key comes before the promotion, which may never come."""
        self.election = replace(self.election, leader=leader)

    @rule(leader=st.none() | names)
    def elect_seen_and_asked(self, leader: str | None) -> None:
        self.elect(leader)
        self.see_the_election(Source.ETCD)
        self.ask_and_hear()

    @rule(paused=st.booleans(), planned=st.none() | st.sampled_from([0, 5]), held=st.none() | names)
    def plan(self, paused: bool, planned: int | None, held: str | None) -> None:
        due = None if planned is None else self.wall + timedelta(seconds=planned)
        self.election = replace(
            self.election,
            paused=paused,
            switchover=Switchover(scheduled_at=due) if due else None,
            hold=Hold(held, "pg3") if held else None,
        )

    @precondition(lambda self: self.election.leader is not None)
    @rule(demoted=st.booleans())
    def promote(self, demoted: bool) -> None:
        """The elected server becomes writable; a frozen Patroni leaves the old one so, too."""
        assert self.election.leader is not None
        for server in self.servers.values():
            server.writable = server.writable and not demoted
        elected = self.servers[self.election.leader]
        if not elected.frozen:
            elected.writable = True
            elected.timeline = max(each.timeline for each in self.servers.values()) + 1

    @rule(name=names)
    def promote_by_hand(self, name: str) -> None:
        """Nobody elected it, and its timeline may be one that another server has, too."""
        server = self.servers[name]
        if not server.writable and not server.frozen:
            server.writable, server.timeline = True, server.timeline + 1

    @rule(name=names)
    def freeze_or_thaw(self, name: str) -> None:
        """An old primary that thaws is writable on its old timeline."""
        self.servers[name].frozen ^= True

    @rule(name=names)
    def rejoin(self, name: str) -> None:
        """Demoted and rewound: a replica on the newest timeline."""
        server = self.servers[name]
        server.writable = False
        server.timeline = max(each.timeline for each in self.servers.values())

    @rule(name=names, identifier=st.sampled_from([IDENTIFIER, "8000"]))
    def rebuild(self, name: str, identifier: str) -> None:
        """Another cluster answers at the server's address, or the right one again."""
        self.servers[name].identifier = identifier

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.0, 4.0, 11.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.wall += timedelta(seconds=seconds)
        self._decide()

    @rule(seconds=st.sampled_from([-86400, -2, 2, 86400]))
    def step_the_clock(self, seconds: int) -> None:
        """Somebody sets the machine's clock; the monotonic one goes on."""
        self.wall += timedelta(seconds=seconds)
        self._decide()

    # -- what the sidecar sees and does

    @rule(source=st.sampled_from([Source.ETCD, Source.REST]))
    def see_the_election(self, source: Source) -> None:
        """Until then the view is as old as it may be."""
        self.view, self.source = self.election, source
        if self.view.leader is not None:
            self.elected.add(self.view.leader)
        self._decide()

    @rule()
    def lose_the_sources(self) -> None:
        self.source = Source.SQL
        self._decide()

    @precondition(lambda self: self.under_way is None)
    @rule()
    def ask(self) -> None:
        """The answer is what is true now, and comes when it comes: see ``hear``."""
        target = target_of(self.state, self.view)
        if target is None:
            return
        server = self.servers[target.name]
        if server.frozen:
            self.under_way = ProbeReport(target, self.now, error="no answer in time")
            return
        timeline = server.timeline if server.writable else None
        answer = Answer(not server.writable, server.identifier, timeline)
        self.under_way = ProbeReport(target, self.now, answer=answer)
        self.answers.append(self.under_way)

    @precondition(lambda self: self.under_way is not None)
    @rule()
    def hear(self) -> None:
        self.probe, self.under_way = self.under_way, None
        self._decide()

    @rule()
    def ask_and_hear(self) -> None:
        """As it goes nearly always; what is under way is overtaken by nothing."""
        self.under_way = None
        self.ask()
        if self.under_way is not None:
            self.hear()

    @rule()
    def restart(self) -> None:
        """What was under way is gone, and so is what was only in memory."""
        self.state = State(self.disk)
        self.view = self.probe = self.under_way = None
        self._decide()

    @rule(name=names)
    def settle(self, name: str) -> None:
        """Whatever came before: a healthy elected server on the top timeline is published."""
        elected = self.servers[name]
        elected.frozen, elected.identifier = False, IDENTIFIER
        self.election = ClusterView(name, MEMBERS, IDENTIFIER)
        self.promote(demoted=True)
        self.see_the_election(Source.ETCD)
        self.ask_and_hear()
        assert self.state.phase is Phase.STABLE
        assert self.state.primary is not None
        assert self.state.primary.name == name

    def _decide(self) -> None:
        before = self.state
        seen = Observation(self.view, self.source, self.probe)
        self.state, actions = decide(before, seen, Moment(self.now, self.wall), LIMITS)
        for action in actions:
            if isinstance(action, Remember):
                self.disk = action.memory
            if isinstance(action, Publish):
                assert self.disk == self.state.memory, "published before it was remembered"
                self.document = (self.state.phase, self.state.primary, self.state.memory.epoch)
        if self.state.published_at is not None:
            told = (self.state.phase, self.state.primary, self.state.memory.epoch)
            assert self.document == told, "decided but not published"
        if self.state.memory.primary != before.memory.primary:
            assert self.view is not None
            assert self.state.primary is not None
            assert self.view.leader == self.state.primary.name, "adopted without an election"
        if self.state.primary is not None:
            self.told.append((self.state.memory.epoch, self.state.primary))

    # -- what always holds

    @invariant()
    def never_a_guess(self) -> None:
        """Whoever is published was elected and, a moment ago, said itself that it is writable."""
        primary = self.state.primary
        if primary is None:
            return
        assert primary.name in self.elected
        assert primary.system_identifier == IDENTIFIER
        assert any(
            report.target == primary.target
            and report.answer == Answer(False, IDENTIFIER, primary.timeline)
            and self.now - LIMITS.prove_timeout < report.asked_at <= self.now
            for report in self.answers
            if report.answer is not None
        )

    @invariant()
    def never_another_than_the_elected(self) -> None:
        if self.state.primary is not None and self.view is not None:
            assert self.view.leader in (None, self.state.primary.name)

    @invariant()
    def never_two_primaries(self) -> None:
        """One an epoch, and epochs only rise, over restarts, too."""
        seen: dict[int, Primary] = {}
        for epoch, primary in self.told:
            assert seen.setdefault(epoch, primary) == primary, "two primaries in one epoch"
        epochs = [epoch for epoch, _ in self.told]
        assert epochs == sorted(epochs)

    @invariant()
    def never_a_lower_timeline(self) -> None:
        timelines = [primary.timeline for _, primary in self.told]
        assert timelines == sorted(timelines)
        assert not self.told or self.disk.highest_timeline >= timelines[-1]

    @invariant()
    def state_and_primary_agree(self) -> None:
        assert (self.state.phase is Phase.STABLE) <= (self.state.primary is not None)
        assert (self.state.phase is Phase.LOST) <= (self.state.primary is None)

    @invariant()
    def never_switching_for_good(self) -> None:
        waited = self.now - self.state.unsettled_since
        if self.state.unsettled is not None and waited >= LIMITS.switching_timeout:
            assert self.state.phase is not Phase.SWITCHING


TestClusterLife = ClusterLife.TestCase
TestClusterLife.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
