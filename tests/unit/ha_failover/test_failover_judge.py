"""Replay, answer or refuse: every combination of what is known of a lost unit."""

import itertools

import pytest
from odoo.addons.ha_failover.work import Verdict, judge

CASES = list(itertools.product([True, False], [0, 1, 2], [True, False], [True, False], [1.0, 3.0]))


@pytest.mark.parametrize(("result", "commits", "in_doubt", "unavailable", "now"), CASES)
def test_a_replay_needs_that_nothing_was_committed_and_nothing_is_in_doubt(
    result: bool, commits: int, in_doubt: bool, unavailable: bool, now: float
) -> None:
    verdict = judge(
        result=result,
        commits=commits,
        in_doubt=in_doubt,
        unavailable=unavailable,
        now=now,
        deadline=2.0,
    )
    if verdict is Verdict.REPLAY:
        assert not (result or commits or in_doubt or unavailable) and now < 2.0
    if in_doubt:
        assert verdict is Verdict.UNKNOWN
    elif result:
        assert verdict is Verdict.ANSWER
    elif commits:
        assert verdict is Verdict.PARTIAL


def test_a_lost_unit_that_did_nothing_yet_is_replayed() -> None:
    verdict = judge(result=False, commits=0, in_doubt=False, unavailable=False, now=1, deadline=2)
    assert verdict is Verdict.REPLAY
