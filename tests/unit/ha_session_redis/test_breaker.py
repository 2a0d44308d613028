"""How long a call to Redis goes on trying, and when Redis is left alone."""

import itertools

from odoo.addons.ha_session_redis.breaker import (
    LONGEST_DELAY,
    Breaker,
    State,
    after_failure,
    after_probe,
    after_refusal,
    after_return,
    after_success,
)


def waits(
    patience: float, *, breaker: Breaker, start: float, chance: float = 0.5
) -> tuple[list[float], Breaker]:
    """The waits of one call whose every attempt fails at once, and the state after it."""
    now, delays = start, []
    for attempt in range(1, 10_000):
        breaker, delay = after_failure(
            breaker, attempt=attempt, now=now, patience=patience, chance=chance
        )
        if delay is None:
            return delays, breaker
        delays.append(delay)
        now += delay
    raise AssertionError("it never gives up")


def test_a_call_tries_until_its_patience_is_over_then_the_breaker_opens() -> None:
    delays, breaker = waits(3.0, breaker=Breaker(), start=100.0)
    assert abs(sum(delays) - 3.0) < 1e-6
    assert max(delays) <= LONGEST_DELAY
    assert breaker == Breaker(State.OPEN, since=100.0)
    assert not breaker.lets_through


def test_delays_grow_and_are_spread() -> None:
    low, _ = waits(60.0, breaker=Breaker(), start=0.0, chance=0.0)
    high, _ = waits(60.0, breaker=Breaker(), start=0.0, chance=0.999)
    assert low[:4] == sorted(low[:4])
    assert low[0] < high[0]


def test_a_call_in_the_middle_of_an_outage_waits_for_the_rest_of_the_patience() -> None:
    delays, _ = waits(3.0, breaker=Breaker(State.WAITING, since=100.0), start=101.0)
    assert abs(sum(delays) - 2.0) < 1e-6


def test_calls_that_fail_after_it_opened_neither_wait_nor_change_it() -> None:
    opened = Breaker(State.OPEN, since=100.0)
    assert waits(3.0, breaker=opened, start=100.5) == ([], opened)
    assert after_success(opened, now=101.0) == opened, "a straggler's answer is no return"


def test_an_answer_ends_the_waiting() -> None:
    assert after_success(Breaker(State.WAITING, since=100.0), now=101.0) == Breaker(ended=101.0)
    assert after_success(Breaker(), now=101.0) == Breaker()


def test_a_refusal_opens_it_at_once() -> None:
    assert after_refusal(Breaker(), now=5.0) == Breaker(State.OPEN, since=5.0)
    assert after_refusal(Breaker(State.OPEN, since=1.0), now=5.0).since == 1.0


def test_it_closes_only_when_all_was_brought_to_redis() -> None:
    opened = Breaker(State.OPEN, since=1.0)
    assert after_probe(opened, answered=False) == opened
    returning = after_probe(opened, answered=True)
    assert returning.state is State.RETURNING
    assert not returning.lets_through
    assert after_return(returning, complete=False, now=9.0) == opened
    assert after_return(returning, complete=True, now=9.0) == Breaker(ended=9.0)


def test_no_sequence_of_events_goes_from_open_to_closed_without_the_return() -> None:
    """All sequences of six events: between OPEN and CLOSED there is always a complete return."""
    events = {
        "failure": lambda b: after_failure(b, attempt=1, now=9.0, patience=1.0, chance=0)[0],
        "refusal": lambda b: after_refusal(b, now=9.0),
        "success": lambda b: after_success(b, now=9.0),
        "probe": lambda b: after_probe(b, answered=True),
        "return": lambda b: after_return(b, complete=True, now=9.0),
    }
    for sequence in itertools.product(events, repeat=6):
        breaker = Breaker()
        for event in sequence:
            before, breaker = breaker, events[event](breaker)
            if not before.lets_through and breaker.lets_through:
                assert (before.state, event) == (State.RETURNING, "return")
            assert (breaker.since is None) == (breaker.state is State.CLOSED)
