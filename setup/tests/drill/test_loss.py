"""Which lost writes the switch to a new timeline explains."""

import pytest

from ha_setup.drill.loss import Position, before_switch, parse_history

HISTORY = """1\t0/3000000\tno recovery target specified

2\t1/A0\tno recovery target specified
"""
SWITCHES = {1: 500}


def walk(timeline: int, *seen: tuple[float, int]) -> list[Position]:
    return [Position(at, timeline, lsn) for at, lsn in seen]


# One primary's timeline, left at 500; it was looked at for the last time at second 5.
OLD = walk(1, (1, 100), (2, 200), (3, 480), (4, 520), (5, 600))
NEW = walk(2, (20, 700), (21, 800), (22, 900))


def test_history_names_where_each_timeline_was_left() -> None:
    assert parse_history(HISTORY) == {1: 0x3000000, 2: 0x1_0000_00A0}
    assert parse_history("") == {}


@pytest.mark.parametrize(
    ("acknowledged", "explained"),
    [
        (1.5, False),  # all of the WAL up to 200 went over
        (2.5, False),  # up to 480
        (3.5, True),  # somewhere up to 520: it may lie beyond 500
        (5.0, True),
        (5.3, True),  # its answer came after the last look at the server that died
        (9.0, False),  # nobody could have acknowledged it then
        (0.5, False),  # before anything was looked at
        (21.5, False),  # on the timeline that was kept
    ],
)
def test_a_loss_must_lie_beyond_the_switch(acknowledged: float, explained: bool) -> None:
    found = before_switch({"a": acknowledged}, ["a"], OLD + NEW, SWITCHES)
    assert found == (() if explained else ("a",))


def test_an_old_primary_that_went_on_explains_what_it_acknowledged() -> None:
    went_on = OLD + walk(1, (20, 610), (22, 650))
    assert before_switch({"a": 21.0}, ["a"], went_on + NEW, SWITCHES) == ()


def test_without_a_switch_no_loss_is_explained() -> None:
    assert before_switch({"a": 3.5}, ["a"], OLD, {}) == ("a",)
