"""The decider in the situations that a failover is made of, each told as a story."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

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
from ha_sidecar.decider import decide, is_draining, target_of
from ha_sidecar.errors import InvariantBroken
from ha_sidecar.invariants import check_invariants
from ha_sidecar.state import (
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
from ha_sidecar.transitions import Phase

LIMITS = Limits(prove_timeout=1.0, switching_timeout=30.0)
START = datetime(2026, 1, 1, tzinfo=UTC)
MEMBERS = tuple(Member(f"pg{n}", f"10.0.0.{n}", 5432, timeline=1) for n in (1, 2, 3))
IDENTIFIER = "7000"


@dataclass
class Story:
    """One sidecar's life, told step by step; ``now`` is seconds since it began."""

    state: State
    now: float = 0.0
    view: ClusterView | None = None
    probe: ProbeReport | None = None
    actions: tuple[Action, ...] = ()
    source: Source = Source.ETCD

    def elect(self, leader: str | None, **changes: object) -> Story:
        base = self.view or ClusterView(None, MEMBERS, IDENTIFIER)
        self.view = replace(base, leader=leader, **changes)  # type: ignore[arg-type]
        return self.step()

    def answer(self, name: str, timeline: int | None = 1, *, identifier: str = IDENTIFIER) -> Story:
        """The server answers: as a primary on ``timeline``, or as a replica for None."""
        found = Answer(timeline is None, identifier, timeline, "0/1" if timeline else None)
        self.probe = ProbeReport(self._target(name), self.now, answer=found)
        return self.step()

    def silence(self, name: str) -> Story:
        self.probe = ProbeReport(self._target(name), self.now, error="no answer in time")
        return self.step()

    def pass_time(self, seconds: float) -> Story:
        self.now += seconds
        return self.step()

    def step(self) -> Story:
        seen = Observation(self.view, self.source, self.probe)
        moment = Moment(self.now, START + timedelta(seconds=self.now))
        self.state, self.actions = decide(self.state, seen, moment, LIMITS)
        return self

    def _target(self, name: str) -> Target:
        view = self.view or ClusterView(None, MEMBERS)
        member = view.member(name)
        assert member is not None
        return member.target

    @property
    def shown(self) -> tuple[str, str | None, int]:
        primary = self.state.primary
        return str(self.state.phase), primary.name if primary else None, self.state.memory.epoch


@pytest.fixture
def story() -> Story:
    return Story(State(Memory()))


@pytest.fixture
def stable(story: Story) -> Story:
    return story.elect("pg1").answer("pg1")


def test_nothing_is_guessed_without_an_election(story: Story) -> None:
    assert story.step().shown == ("lost", None, 0)
    assert target_of(story.state, None) is None


def test_elected_is_not_enough(story: Story) -> None:
    assert story.elect("pg1").shown == ("lost", None, 0)
    assert target_of(story.state, story.view) == Target("pg1", "10.0.0.1", 5432)


def test_elected_and_proven_is_published_after_it_is_remembered(stable: Story) -> None:
    assert stable.shown == ("stable", "pg1", 1)
    kinds = [type(action) for action in stable.actions]
    assert kinds == [Remember, Publish, Tell]


def test_a_proof_of_somebody_else_counts_for_nothing(stable: Story) -> None:
    stable.elect("pg2")
    assert stable.answer("pg1").shown == ("switching", None, 1)


def test_unplanned_failover(stable: Story) -> None:
    stable.pass_time(0.5).silence("pg1")
    assert stable.shown == ("stable", "pg1", 1)
    assert stable.pass_time(0.5).shown == ("lost", None, 1)
    assert stable.pass_time(15).elect(None).shown == ("switching", None, 1)
    assert stable.elect("pg2").shown == ("switching", None, 1)
    assert stable.answer("pg2", None).shown == ("switching", None, 1)
    assert stable.answer("pg2", 2).shown == ("stable", "pg2", 2)
    assert stable.state.memory.highest_timeline == 2


def test_planned_switchover(stable: Story) -> None:
    planned = Switchover("pg1", "pg2")
    assert stable.elect("pg1", switchover=planned).shown == ("switching", "pg1", 1)
    assert stable.answer("pg1", None).shown == ("switching", None, 1)
    assert stable.pass_time(2).silence("pg1").shown == ("switching", None, 1)
    assert stable.elect("pg2").shown == ("switching", None, 1)
    assert stable.answer("pg2", 2).shown == ("stable", "pg2", 2)


def test_scheduled_switchover_holds_nothing_before_its_time(stable: Story) -> None:
    planned = Switchover("pg1", "pg2", START + timedelta(seconds=60))
    assert stable.elect("pg1", switchover=planned).shown == ("stable", "pg1", 1)
    stable.pass_time(60)
    assert stable.answer("pg1").shown == ("switching", "pg1", 1)


def test_hold_lasts_until_the_next_primary_is_proven_though_it_is_not_released(
    stable: Story,
) -> None:
    held = Hold("pg1", "pg2")
    assert stable.elect("pg1", hold=held).shown == ("switching", "pg1", 1)
    assert is_draining(stable.state)
    assert stable.answer("pg1", None).shown == ("switching", None, 1)
    assert not is_draining(stable.state)
    assert stable.elect("pg2").shown == ("switching", None, 1)
    assert stable.answer("pg2", 2).shown == ("stable", "pg2", 2)
    assert stable.pass_time(0.1).answer("pg2", 2).shown == ("stable", "pg2", 2)
    assert stable.elect("pg2", hold=None).shown == ("stable", "pg2", 2)


def test_released_hold_lets_the_old_primary_go_on_at_once(stable: Story) -> None:
    stable.elect("pg1", hold=Hold("pg1", "pg2"))
    assert stable.elect("pg1", hold=None).shown == ("stable", "pg1", 1)
    assert not is_draining(stable.state)


def test_transactions_drain_until_patroni_announces_the_switchover(stable: Story) -> None:
    stable.elect("pg1", hold=Hold("pg1", "pg2"))
    assert is_draining(stable.state)
    stable.elect("pg1", hold=Hold("pg1", "pg2"), switchover=Switchover("pg1", "pg2"))
    assert stable.shown == ("switching", "pg1", 1)
    assert not is_draining(stable.state)


def test_hold_for_another_than_the_primary_holds_nothing(stable: Story) -> None:
    assert stable.elect("pg1", hold=Hold("pg2", "pg1")).shown == ("stable", "pg1", 1)


def test_hold_that_nobody_releases_ends_with_switching_timeout(stable: Story) -> None:
    stable.elect("pg1", hold=Hold("pg1", "pg2"))
    for _ in range(29):
        stable.now += 1
        assert stable.answer("pg1").shown == ("switching", "pg1", 1)
    stable.now += 1
    assert stable.answer("pg1").shown == ("stable", "pg1", 1)


def test_primary_that_dies_during_a_hold_is_withdrawn(stable: Story) -> None:
    stable.elect("pg1", hold=Hold("pg1", "pg2"))
    assert stable.pass_time(1).silence("pg1").shown == ("switching", None, 1)
    assert stable.elect("pg1", hold=None).shown == ("lost", None, 1)


def test_cancelled_switchover_keeps_the_epoch(stable: Story) -> None:
    stable.elect("pg1", switchover=Switchover("pg1", "pg2"))
    assert stable.elect("pg1", switchover=None).shown == ("stable", "pg1", 1)


def test_crash_restart_on_the_same_timeline_keeps_the_epoch(stable: Story) -> None:
    stable.pass_time(3).silence("pg1")
    assert stable.shown == ("lost", None, 1)
    assert stable.answer("pg1", 1).shown == ("stable", "pg1", 1)


def test_same_server_on_a_new_timeline_raises_the_epoch(stable: Story) -> None:
    assert stable.answer("pg1", 2).shown == ("stable", "pg1", 2)


def test_moved_address_raises_the_epoch(stable: Story) -> None:
    moved = (replace(MEMBERS[0], host="10.9.9.9"), *MEMBERS[1:])
    assert stable.elect("pg1", members=moved).shown == ("lost", None, 1)
    assert stable.answer("pg1").shown == ("stable", "pg1", 2)


def test_old_primary_is_never_routed_to(stable: Story) -> None:
    stable.elect("pg2").answer("pg2", 2)
    stable.elect("pg1")
    assert stable.answer("pg1", 1).shown == ("switching", None, 2)
    assert stable.pass_time(31).answer("pg1", 1).shown == ("lost", None, 2)
    assert stable.answer("pg1", 3).shown == ("stable", "pg1", 3)


def test_primary_that_answers_as_a_replica_is_withdrawn_at_once(stable: Story) -> None:
    assert stable.answer("pg1", None).shown == ("lost", None, 1)


def test_recovery_outweighs_whatever_else_the_server_says(story: Story) -> None:
    story.elect("pg1")
    odd = Answer(in_recovery=True, system_identifier=IDENTIFIER, timeline=5, lsn="0/1")
    story.probe = ProbeReport(Target("pg1", "10.0.0.1", 5432), story.now, answer=odd)
    assert story.step().shown == ("lost", None, 0)


def test_another_cluster_is_never_published(stable: Story) -> None:
    stable.elect("pg1", system_identifier="9999")
    assert stable.answer("pg1", 5, identifier="9999").shown == ("lost", None, 1)
    assert stable.state.memory.system_identifier == IDENTIFIER


def test_unknown_identifier_proves_nothing(story: Story) -> None:
    story.elect("pg1", system_identifier=None)
    assert story.answer("pg1").shown == ("lost", None, 0)


def test_stalled_promotion_ends_in_lost(stable: Story) -> None:
    stable.elect("pg2")
    assert stable.pass_time(29).answer("pg2", None).shown == ("switching", None, 1)
    assert stable.pass_time(1).answer("pg2", None).shown == ("lost", None, 1)
    assert stable.answer("pg2", 2).shown == ("stable", "pg2", 2)


def test_vanished_leader_key_that_leads_to_nothing_ends_in_stable(stable: Story) -> None:
    assert stable.elect(None).shown == ("switching", "pg1", 1)
    stable.now += 30
    assert stable.answer("pg1").shown == ("stable", "pg1", 1)


def test_without_a_leader_no_new_primary_is_adopted(stable: Story) -> None:
    stable.elect(None)
    assert stable.answer("pg1", 2).shown == ("switching", None, 1)


def test_maintenance_mode_without_leader_key_holds_nothing(stable: Story) -> None:
    assert stable.elect(None, paused=True).shown == ("stable", "pg1", 1)
    stable.now += 5
    assert stable.answer("pg1").shown == ("stable", "pg1", 1)


def test_etcd_away_the_proven_primary_stays(stable: Story) -> None:
    stable.source = Source.SQL
    for _ in range(100):
        stable.now += 0.5
        assert stable.answer("pg1").shown == ("stable", "pg1", 1)
    stable.pass_time(1.0)
    assert stable.silence("pg1").shown == ("lost", None, 1)


def test_restart_of_the_sidecar_keeps_the_epoch(stable: Story) -> None:
    again = Story(State(stable.state.memory))
    assert again.elect("pg1").answer("pg1").shown == ("stable", "pg1", 1)
    other = Story(State(stable.state.memory))
    assert other.elect("pg2").answer("pg2", 2).shown == ("stable", "pg2", 2)


def test_restart_leaves_the_old_document_alone_until_proof_or_timeout(stable: Story) -> None:
    again = Story(State(stable.state.memory)).step()
    assert again.actions == ()
    assert again.pass_time(0.5).actions == ()
    assert Publish(False) in again.pass_time(0.5).actions


def test_heartbeat_each_second(stable: Story) -> None:
    stable.now += 0.9
    assert stable.answer("pg1").actions == ()
    stable.now += 0.1
    assert stable.answer("pg1").actions == (Publish(False),)


def test_the_reason_for_being_lost_is_told_but_not_all_the_time(story: Story) -> None:
    story.elect("pg1").silence("pg1")
    told = []
    for _ in range(50):
        story.now += 0.1
        story.silence("pg1")
        told += [action for action in story.actions if isinstance(action, Tell)]
    assert [each.detail for each in told] == ["pg1 (10.0.0.1:5432): no answer in time"]


BROKEN = {
    "epoch without a move": lambda s: replace(s, memory=replace(s.memory, epoch=9)),
    "epoch falls": lambda s: replace(s, memory=replace(s.memory, epoch=0)),
    "timeline falls": lambda s: replace(s, memory=replace(s.memory, highest_timeline=0)),
    "identifier": lambda s: replace(s, memory=replace(s.memory, system_identifier="1")),
    "not the last proven": lambda s: replace(s, primary=Primary("x", "x", 1, 1, IDENTIFIER)),
    "older timeline": lambda s: replace(s, primary=replace(s.primary, timeline=0)),
    "another cluster": lambda s: replace(s, primary=replace(s.primary, system_identifier="1")),
    "old proof": lambda s: replace(s, proven_at=-1.0),
    "stable without": lambda s: replace(s, primary=None),
    "lost with": lambda s: replace(s, phase=Phase.LOST),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_invariant_is_checked(stable: Story, name: str) -> None:
    moment = Moment(stable.now, START)
    check_invariants(stable.state, stable.state, moment, LIMITS)
    with pytest.raises(InvariantBroken):
        check_invariants(stable.state, BROKEN[name](stable.state), moment, LIMITS)
