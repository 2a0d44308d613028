"""The plan of the load."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from ha_setup.drill.schedule import Action, Planned, plan


def make(**changes: Any) -> Sequence[Planned]:
    values: dict[str, Any] = {"seed": 1, "run": "r", "rate": 10.0, "seconds": 60.0, "users": 10}
    return plan(**values | changes)


def test_same_seed_same_plan_and_another_seed_another() -> None:
    assert make() == make()
    assert [p.at for p in make()] != [p.at for p in make(seed=2)]


def test_rate_and_order() -> None:
    planned = make()
    assert len(planned) == 600
    assert all(a.at < b.at for a, b in itertools.pairwise(planned))
    assert planned[0].at >= 0
    assert planned[-1].at <= 60
    in_each_second = Counter(int(p.at) for p in planned)
    assert all(8 <= in_each_second[second] <= 12 for second in range(60))


def test_mix_holds_in_every_block_of_twenty() -> None:
    planned = make()
    expected = {
        Action.READ: 8,
        Action.WRITE: 6,
        Action.PAGE: 4,
        Action.ATTACHMENT_WRITE: 1,
        Action.ATTACHMENT_READ: 1,
    }
    for start in range(0, 600, 20):
        assert Counter(p.action for p in planned[start : start + 20]) == expected


def test_tokens_are_unique_and_only_writes_have_one() -> None:
    planned = make()
    tokens = [p.token for p in planned if p.action.writes]
    assert len(set(tokens)) == len(tokens) == 210
    assert all(token.startswith("r-") for token in tokens)
    assert not any(p.token for p in planned if not p.action.writes)


def test_all_users_have_their_turn() -> None:
    assert Counter(p.user for p in make()) == dict.fromkeys(range(10), 60)


@pytest.mark.parametrize("changes", [{"rate": 0}, {"seconds": 0}, {"users": 0}])
def test_senseless_plans_are_refused(changes: Any) -> None:
    with pytest.raises(ValueError, match="above 0"):
        make(**changes)
