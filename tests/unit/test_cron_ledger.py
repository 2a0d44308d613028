"""The ledger of the drill of scheduled actions must be able to see what it looks for."""

from __future__ import annotations

from tests.long.cron_ledger import Grant, Run, judge

FIRST = Run(1, 7, "node1", 10.0, 10.1, 13.0)


def test_runs_one_after_the_other_are_well() -> None:
    second = Run(2, 7, "node2", 20.0, 20.1, 21.0)
    other_job = Run(3, 8, "node1", 10.0, 10.1, 13.0)
    grants = [Grant("node1", 1, 0.0), Grant("node2", 2, 15.0)]
    found = judge([FIRST, second, other_job], [(7, 13.1), (7, 21.1), (8, 13.1)], grants)
    assert not found


def test_two_runs_at_once_are_seen() -> None:
    second = Run(2, 7, "node1", 12.0, 12.1, 15.0)
    assert judge([FIRST, second], [], []).overlaps == [(FIRST, second)]


def test_a_run_that_was_rolled_back_does_not_count() -> None:
    assert not judge([FIRST, Run(2, 7, "node1", 12.0, 12.1, None)], [], [])


def test_a_booking_without_a_run_is_seen() -> None:
    assert judge([FIRST], [(7, 13.1), (7, 70.0)], []).skipped == [(7, 70.0)]
    assert judge([], [(7, 13.1)], []).skipped == [(7, 13.1)]


def test_a_commit_of_a_deposed_leader_is_seen() -> None:
    grants = [Grant("node1", 1, 0.0), Grant("node2", 2, 12.0)]
    assert judge([FIRST], [], grants).deposed == [FIRST]
    assert not judge([FIRST], [], [Grant("node1", 1, 0.0), Grant("node2", 2, 13.5)])
