"""Health's decision table."""

from __future__ import annotations

import itertools

import pytest
from odoo.addons.ha_health.verdict import (
    Holding,
    Lag,
    Look,
    Memory,
    Question,
    Status,
    judge,
    remember,
)

MAX_AGE = 10.0
NOW = 1000.0

PRIMARY = Look(NOW, "primary", writable=True)
READ_ONLY = Look(NOW, "primary", writable=False)
STANDBY = Look(NOW, "standby")
NOTHING = Look(NOW, None, reason="connection refused")
BAD = (READ_ONLY, STANDBY, NOTHING)


def status(
    memory: Memory,
    question: Question = Question(),
    holding: Holding = Holding(),
    now: float = NOW,
) -> Status:
    return judge(question, memory, holding, now, MAX_AGE).status


def after(*looks: Look) -> Memory:
    memory = Memory()
    for look in looks:
        memory = remember(memory, look)
    return memory


def test_a_primary_passes() -> None:
    assert status(after(PRIMARY)) is Status.PASS


@pytest.mark.parametrize("look", BAD)
def test_anything_else_fails_without_a_budget(look: Look) -> None:
    assert status(after(look)) is Status.FAIL
    assert status(after(PRIMARY, look)) is Status.FAIL


def test_nothing_seen_yet_fails() -> None:
    assert status(Memory()) is Status.FAIL


def test_an_old_look_counts_as_nothing() -> None:
    assert status(after(PRIMARY), now=NOW + MAX_AGE) is Status.PASS
    assert status(after(PRIMARY), now=NOW + MAX_AGE + 0.1) is Status.FAIL
    held = Holding(budget=60.0)
    assert status(after(PRIMARY), holding=held, now=NOW + MAX_AGE + 0.1) is Status.FAIL


@pytest.mark.parametrize("look", BAD)
def test_an_outage_warns_while_requests_would_be_held(look: Look) -> None:
    held = Holding(budget=60.0)
    later = Look(NOW + 59.0, look.role, look.writable, look.reason)
    assert status(after(PRIMARY, look, later), holding=held, now=NOW + 59.9) is Status.WARN
    assert status(after(PRIMARY, look, later), holding=held, now=NOW + 60.0) is Status.FAIL


@pytest.mark.parametrize("look", BAD)
def test_a_node_started_without_a_primary_fails_at_once(look: Look) -> None:
    assert status(after(look), holding=Holding(budget=60.0)) is Status.FAIL


def test_a_new_process_believes_the_sidecar_that_an_outage_began() -> None:
    assert status(after(NOTHING), holding=Holding(60.0, since=NOW - 5)) is Status.WARN
    assert status(after(NOTHING), holding=Holding(60.0, since=NOW - 61)) is Status.FAIL


def test_a_new_outage_has_a_new_budget() -> None:
    held = Holding(budget=60.0)
    again = Look(NOW + 100, "primary", writable=True)
    lost = Look(NOW + 101, None)
    memory = after(PRIMARY, NOTHING, again, lost)
    assert status(memory, holding=held, now=NOW + 101) is Status.WARN


def test_the_question_for_a_standby() -> None:
    standby = Question(role="standby")
    assert status(after(STANDBY), standby) is Status.PASS
    assert status(after(PRIMARY), standby) is Status.FAIL
    assert status(after(PRIMARY, NOTHING), standby, Holding(budget=60.0)) is Status.FAIL


@pytest.mark.parametrize(
    ("behind", "allowed", "expected"),
    [
        (Lag(100, 1.0), Lag(), Status.PASS),
        (Lag(), Lag(), Status.PASS),
        (Lag(100, 1.0), Lag(bytes=100), Status.PASS),
        (Lag(101, 1.0), Lag(bytes=100), Status.FAIL),
        (Lag(100, 1.0), Lag(seconds=0.5), Status.FAIL),
        # Nobody knows: too much for whoever asks.
        (Lag(), Lag(bytes=1 << 40), Status.FAIL),
        (Lag(100, None), Lag(seconds=60), Status.FAIL),
    ],
)
def test_a_standby_s_lag(behind: Lag, allowed: Lag, expected: Status) -> None:
    memory = after(Look(NOW, "standby", lag=behind))
    assert status(memory, Question(role="standby", lag=allowed)) is expected


def test_a_primary_is_never_behind() -> None:
    assert status(after(PRIMARY), Question(lag=Lag(bytes=0))) is Status.PASS


@pytest.mark.parametrize("holding", [Holding(), Holding(budget=60.0)])
def test_a_node_that_is_drained_isn_t_ready(holding: Holding) -> None:
    for memory in (after(PRIMARY), after(PRIMARY, NOTHING)):
        for probe, expected in (("ready", "fail"), ("live", "pass"), ("startup", "pass")):
            found = judge(Question(probe=probe), memory, holding, NOW, MAX_AGE, draining=True)
            assert found.status == expected


def test_stocks_question_is_about_the_database_now() -> None:
    question = Question(db_server_status=True)
    assert status(after(PRIMARY), question) is Status.PASS
    assert status(after(PRIMARY, NOTHING), question, Holding(budget=60.0)) is Status.FAIL


def test_live_passes_whatever_the_database_does() -> None:
    for memory in (Memory(), after(NOTHING), after(STANDBY)):
        assert status(memory, Question(probe="live"), now=NOW + 1e6) is Status.PASS


def test_startup_passes_from_the_first_time_on() -> None:
    startup = Question(probe="startup")
    assert status(Memory(), startup) is Status.FAIL
    assert status(after(NOTHING), startup) is Status.FAIL
    assert status(after(PRIMARY), startup) is Status.PASS
    assert status(after(PRIMARY, NOTHING), startup, now=NOW + 1e6) is Status.PASS


def test_ready_never_passes_without_a_young_look_at_the_right_role() -> None:
    """The invariant, over all combinations."""
    looks = (None, PRIMARY, READ_ONLY, STANDBY, NOTHING)
    for look, ready, outage, budget, since, age, role in itertools.product(
        looks, (True, False), (None, NOW - 5), (None, 60.0), (None, NOW - 5), (0, 99), ROLES
    ):
        memory = Memory(look, ready, outage)
        found = status(memory, Question(role=role), Holding(budget, since), NOW + age)
        right = look is not None and age <= MAX_AGE and look.shows(role)
        assert (found is Status.PASS) == right


ROLES = ("primary", "standby")
