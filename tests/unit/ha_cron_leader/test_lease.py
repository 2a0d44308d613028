"""The keeper's decisions, by a clock that the test holds."""

from __future__ import annotations

import random

import pytest
from odoo.addons.ha_cron_leader.lease import (
    Announce,
    Failed,
    Granted,
    Held,
    Missing,
    Observation,
    Standing,
    State,
    Terms,
    Wake,
    ask_now,
    is_leader,
    may_run,
    observe,
    worth_asking,
)
from odoo.addons.ha_cron_leader.settings import lease as parse_lease

TERMS = Terms(15.0)


def after(*seen: tuple[Observation, float]) -> State:
    state = State()
    for observation, now in seen:
        state, _ = observe(state, observation, now, TERMS)
    return state


def test_nothing_runs_before_the_first_answer() -> None:
    assert not may_run(State(), 0.0)
    assert worth_asking(State(), 0.0)


def test_a_grant_makes_a_leader_and_wakes_the_cron_processes_once() -> None:
    state, actions = observe(State(), Granted(7, 100.0), 100.2, TERMS)
    assert is_leader(state, 100.2)
    assert actions == (Announce("info", "runs the scheduled actions now (token 7)"), Wake())
    state, actions = observe(state, Granted(7, 105.0), 105.1, TERMS)
    assert actions == ()
    assert state.due == 111.0


def test_a_grant_counts_from_when_it_was_asked_for() -> None:
    """The answer may have been on its way for long."""
    state = after((Granted(7, 100.0), 112.0))
    assert is_leader(state, 113.4)
    assert not is_leader(state, 113.5)
    assert state.due == 112.0


def test_a_leader_outlives_failures_until_its_lease_may_have_ended() -> None:
    state = after((Granted(7, 100.0), 100.0), (Failed("refused"), 105.0))
    assert may_run(state, 113.4)
    state, actions = observe(state, Failed("refused"), 113.6, TERMS)
    assert state.standing is Standing.FOLLOWER
    assert state.token is None
    assert actions == (Announce("warning", "could not renew the lease in time: refused"),)


def test_three_turns_fit_into_a_lease_though_each_takes_its_longest() -> None:
    state = after((Granted(7, 0.0), 0.0))
    turns = 0
    while may_run(state, ended := state.due + TERMS.timeout):
        state, _ = observe(state, Failed("no answer"), ended, TERMS)
        turns += 1
    assert turns >= 2  # and the third is under way


def test_a_leader_that_was_replaced_stops_at_once() -> None:
    state, actions = observe(after((Granted(7, 100.0), 100.0)), Held("odoo2/x", 14.0), 101.0, TERMS)
    assert not may_run(state, 101.0)
    assert state.token is None
    assert actions == (Announce("warning", "lost the lease to odoo2/x"),)


@pytest.mark.parametrize(
    ("remaining", "wait"),
    [(14.0, 6.0), (2.0, 2.05), (0.0, 0.5), (-3.0, 0.5)],
)
def test_a_follower_asks_when_the_lease_ends_or_may_have_been_released(
    remaining: float, wait: float
) -> None:
    assert after((Held("odoo1/x", remaining), 100.0)).due == pytest.approx(100.0 + wait)


def test_a_follower_that_will_be_told_asks_only_when_the_lease_ends() -> None:
    state = after((Held("odoo1/x", 14.0, watched=True), 100.0))
    assert state.due == pytest.approx(114.05)
    assert not worth_asking(state, 113.0)


@pytest.mark.parametrize("asked", [{"paused": True}, {"yields": True}])
def test_a_leader_that_is_paused_or_asked_to_go_starts_no_job(asked: dict[str, bool]) -> None:
    state = after((Granted(7, 100.0), 100.0), (Granted(7, 105.0, **asked), 105.0))
    assert is_leader(state, 106.0)
    assert not may_run(state, 106.0)
    assert not worth_asking(state, 110.0)
    state, actions = observe(state, Granted(7, 110.0), 110.0, TERMS)
    assert may_run(state, 110.0)
    assert actions == (Wake(),)


def test_handing_over_is_no_loss() -> None:
    state = after((Granted(7, 100.0, yields=True), 100.0))
    _, actions = observe(state, Held("odoo2/x", 14.0), 101.0, TERMS)
    assert actions == (Announce("info", "leaves the scheduled actions to odoo2/x"),)


def test_who_is_refused_by_nobody_asks_soon() -> None:
    """The lease is kept for a node that prefers the pool."""
    assert after((Held("odoo1/x", -0.1, watched=True), 100.0)).due == 100.5


def test_where_nothing_is_at_stake_failures_are_repeated_ever_later() -> None:
    waits = []
    state, now = State(), 0.0
    for _ in range(12):
        state, _ = observe(state, Failed("refused"), now, TERMS)
        waits.append(state.due - now)
        now = state.due
    assert waits[0] == 0.5
    assert waits[-1] == 5.0


def test_a_fresh_refusal_is_believed() -> None:
    state = after((Held("odoo1/x", 14.0), 100.0))
    assert not worth_asking(state, 100.9)
    assert worth_asking(state, 101.0)
    assert ask_now(state).due < 100.0


def test_a_regained_lease_is_announced() -> None:
    state = after((Granted(7, 0.0), 0.0), (Held("odoo2/x", 9.0), 20.0))
    _, actions = observe(state, Granted(9, 30.0), 30.0, TERMS)
    assert Wake() in actions


def test_without_the_table_every_node_runs_jobs_and_says_so_once() -> None:
    state, actions = observe(State(), Missing(), 5.0, TERMS)
    assert may_run(state, 1e9)
    assert not worth_asking(state, 1e9)
    assert state.due == 65.0
    assert [action.level for action in actions if isinstance(action, Announce)] == ["warning"]
    assert observe(state, Missing(), 65.0, TERMS)[1] == ()


def test_a_database_that_gets_the_table_is_led_from_then_on() -> None:
    state = after((Missing(), 0.0), (Held("odoo1/x", 14.0), 60.0))
    assert not may_run(state, 60.0)


def test_failures_are_announced_once_in_a_row() -> None:
    state, actions = observe(State(), Failed("refused"), 0.0, TERMS)
    assert len(actions) == 1
    assert observe(state, Failed("refused"), 1.0, TERMS)[1] == ()


def test_two_nodes_with_one_database_never_both_may_run() -> None:
    """A model of the table's row, two nodes, answers late or lost, clocks 5 % apart."""
    for seed in range(200):
        chance = random.Random(seed)
        speed = {"a": 1.0, "b": 1.0 + chance.uniform(-0.05, 0.05)}
        states = {name: State() for name in speed}
        holder, token, expires = "", 0, 0.0
        now = 0.0
        while now < 200.0:
            now += chance.uniform(0.05, 1.0)
            name = chance.choice("ab")
            clock = now * speed[name]
            if states[name].due > clock and chance.random() < 0.9:
                continue
            seen: Observation
            if chance.random() < 0.3:
                seen = Failed("lost")
            elif holder == name or now >= expires:
                token += holder != name
                holder, expires = name, now + TERMS.lease
                sent = clock
                clock += chance.uniform(0.0, 2.5)
                seen = Failed("answer lost") if chance.random() < 0.2 else Granted(token, sent)
            else:
                seen = Held(holder, expires - now)
            states[name], _ = observe(states[name], seen, clock, TERMS)
            assert sum(is_leader(states[one], now * speed[one]) for one in states) <= 1


@pytest.mark.parametrize("text", ["0", "-5", "2s", "soon", ""])
def test_a_lease_too_short_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="3 seconds or more"):
        parse_lease(text)


def test_a_lease_may_have_a_unit() -> None:
    assert parse_lease("1m") == 60.0
