"""Which lost writes the switch to a new timeline explains."""

import pytest

from ha_setup.drill.loss import GRACE, Position, Write, before_switch, parse_history

HISTORY = """1\t0/3000000\tno recovery target specified

2\t1/A0\tno recovery target specified
"""
SWITCHES = {1: 500}


def walk(timeline: int, *seen: tuple[float, int]) -> list[Position]:
    return [Position(at, timeline, lsn) for at, lsn in seen]


# One primary's timeline, left at 500; it was looked at for the last time at second 5.
OLD = walk(1, (1, 100), (2, 200), (3, 480), (4, 520), (5, 600))
NEW = walk(2, (20, 700), (21, 800), (22, 900))


def write(acknowledged: float, took: float = 0.1) -> Write:
    return Write(acknowledged - took, acknowledged)


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
    found = before_switch({"a": write(acknowledged)}, ["a"], OLD + NEW, SWITCHES)
    assert found == (() if explained else ("a",))


def test_an_old_primary_that_went_on_explains_what_it_acknowledged() -> None:
    went_on = OLD + walk(1, (20, 610), (22, 650))
    assert before_switch({"a": write(21.0)}, ["a"], went_on + NEW, SWITCHES) == ()


def test_without_a_switch_no_loss_is_explained() -> None:
    assert before_switch({"a": write(3.5)}, ["a"], OLD, {}) == ("a",)


@pytest.mark.parametrize(
    ("kept", "explained"),
    [
        (write(3.4), True),  # before the lost one
        (
            write(4.5),
            False,
        ),  # it began after the lost one's answer, so it lies beyond it, and is there
        (write(4.5, took=1.5), True),  # side by side: either may have come first
        (write(20.5), True),  # on the new timeline
        (write(5.2), True),  # perhaps, as nobody looked at the old primary after that
    ],
)
def test_a_later_write_that_was_kept_contradicts_a_loss(kept: Write, explained: bool) -> None:
    found = before_switch({"a": write(3.5), "b": kept}, ["a"], OLD + NEW, SWITCHES)
    assert found == (() if explained else ("a",))


def test_while_two_servers_take_writes_a_later_one_contradicts_nothing() -> None:
    went_on = OLD + walk(1, (20, 610), (30, 650))
    lost, on_the_new = write(21.0), write(22.0)
    assert before_switch({"a": lost, "b": on_the_new}, ["a"], went_on + NEW, SWITCHES) == ()
    # From shortly before the new one was seen, as it may have taken writes unseen.
    on_either = write(NEW[0].at - GRACE / 2)
    lost = write(on_either.began - 0.1)
    assert before_switch({"a": lost, "b": on_either}, ["a"], went_on + NEW, SWITCHES) == ()
