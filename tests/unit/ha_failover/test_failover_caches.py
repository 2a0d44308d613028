"""What stays cached on a new timeline can't have been lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odoo.addons.ha_failover.caches import Bound, Move, position, replayed


def test_positions() -> None:
    assert position("0/0") == 0
    assert position("16/B374D848") == 0x16_B374D848
    with pytest.raises(ValueError, match="values to unpack"):
        position("16")


def test_only_what_a_replica_replayed_on_the_left_timeline_counts() -> None:
    document = {
        "replicas": [
            {"name": "a", "timeline": 4, "replay_lsn": "0/10"},
            {"name": "b", "timeline": 3, "replay_lsn": "0/20"},
            {"name": "c", "timeline": 4, "replay_lsn": None},
        ]
    }
    assert replayed(document, 4) == {"a": 0x10}
    assert replayed({}, 4) == {}


@pytest.mark.parametrize(
    ("bound", "move", "stays"),
    [
        (Bound(10, frozenset({1})), Move(1, 2, 10), True),
        (Bound(11, frozenset({1})), Move(1, 2, 10), False),
        (Bound(10, frozenset({2})), Move(1, 2, 10), False),  # asked on the new primary
        (Bound(10, frozenset({1})), Move(2, 3, 10), False),  # a timeline was missed
        (Bound(10, frozenset({1})), None, False),
    ],
)
def test_table(bound: Bound, move: Move | None, stays: bool) -> None:
    assert (bound.after(move) is not None) is stays


@given(
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=5),
)
def test_what_stays_is_part_of_every_timelines_history(
    lsn: int, moves: list[tuple[int, int]]
) -> None:
    """Each new timeline forks where its primary had got to, at or after what was seen of it."""
    bound: Bound | None = Bound(lsn, frozenset({1}))
    preserved = True
    for number, (seen, more) in enumerate(moves, start=1):
        move = Move(number, number + 1, seen)
        preserved = preserved and lsn <= seen + more  # the fork
        bound = bound.after(move) if bound else None
        assert bound is None or preserved
        again = bound.after(move) if bound else None
        assert again == bound  # the same move may be told twice
