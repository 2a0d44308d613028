"""Figures from requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_setup.drill import metrics
from ha_setup.drill.schedule import Action

from .build import outcome


def test_longest_gap_between_moments() -> None:
    assert metrics.longest_gap([1, 2, 5, 6], 0.5, 7) == 3


def test_an_outage_without_end_counts_to_the_end() -> None:
    assert metrics.longest_gap([1, 2], 0, 90) == 88


def test_no_moment_at_all_is_one_long_gap() -> None:
    assert metrics.longest_gap([], 3, 10) == 7


def test_answers_after_the_last_request_was_started_count() -> None:
    assert metrics.longest_gap([1, 50], 0, 20) == 49


@given(st.lists(st.floats(0, 100), max_size=30))
def test_gap_is_within_bounds(moments: list[float]) -> None:
    gap = metrics.longest_gap(moments, 0, 100)
    assert 100 / (len(moments) + 1) - 1e-6 <= gap <= 100


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (1, 100), (0.001, 1), (0.991, 100)]
)
def test_percentile_is_nearest_rank(share: float, expected: int) -> None:
    assert metrics.percentile(list(range(100, 0, -1)), share) == expected


def test_percentile_of_nothing_and_nonsense() -> None:
    assert metrics.percentile([], 0.5) == 0
    with pytest.raises(ValueError, match="share"):
        metrics.percentile([1], 0)


def test_latency_counts_from_the_schedule() -> None:
    assert outcome(3.0, latency=4.5).latency == pytest.approx(4.5)


def test_failures_by_kind_most_frequent_first() -> None:
    found = metrics.failures_by_kind(
        [outcome(1, kind="a"), *[outcome(2, kind="b")] * 2, outcome(3)]
    )
    assert list(found.items()) == [("b", 2), ("a", 1)]


def test_first_ack_is_by_completion_and_of_a_good_write() -> None:
    outcomes = [
        outcome(5, latency=1, action=Action.WRITE),  # done before
        outcome(6, latency=5, action=Action.READ),
        outcome(7, latency=3.5, action=Action.WRITE, kind="http_500"),
        outcome(6, latency=6, action=Action.WRITE),
        outcome(1, latency=12, action=Action.ATTACHMENT_WRITE),
    ]
    assert metrics.first_ack_after(outcomes, 10) == 12
    assert metrics.first_ack_after(outcomes, 14) is None


def test_reads_are_reads_of_records() -> None:
    outcomes = [outcome(1, 0), outcome(2, action=Action.PAGE), outcome(3, kind="timeout")]
    assert metrics.good_reads(outcomes) == [1]
