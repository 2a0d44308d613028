"""How long a call to Redis goes on trying."""

from odoo.addons.ha_session_redis.retry import LONGEST_DELAY, Outage, after_failure, after_success


def waits(budget: float, *, outage: Outage, start: float, chance: float = 0.5) -> list[float]:
    """The waits of one call whose every attempt fails at once."""
    now, delays = start, []
    for attempt in range(1, 10_000):
        outage, delay = after_failure(
            outage, attempt=attempt, now=now, budget=budget, chance=chance
        )
        if delay is None:
            return delays
        delays.append(delay)
        now += delay
    raise AssertionError("it never gives up")


def test_a_call_tries_until_its_budget_is_spent() -> None:
    delays = waits(3.0, outage=Outage(), start=100.0)
    assert abs(sum(delays) - 3.0) < 1e-6
    assert max(delays) <= LONGEST_DELAY


def test_delays_grow_and_are_spread() -> None:
    low = waits(60.0, outage=Outage(), start=0.0, chance=0.0)
    high = waits(60.0, outage=Outage(), start=0.0, chance=0.999)
    assert low[:4] == sorted(low[:4])
    assert low[0] < high[0]


def test_a_long_outage_costs_later_calls_one_attempt() -> None:
    assert waits(3.0, outage=Outage(since=100.0), start=103.5) == []


def test_a_call_in_the_middle_of_an_outage_waits_for_the_rest_of_the_budget() -> None:
    assert abs(sum(waits(3.0, outage=Outage(since=100.0), start=101.0)) - 2.0) < 1e-6


def test_any_answer_ends_the_outage() -> None:
    assert after_success(Outage(since=100.0)) == Outage()
    assert waits(3.0, outage=after_success(Outage(since=100.0)), start=200.0)
