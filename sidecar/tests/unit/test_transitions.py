"""The transition table is complete, unambiguous and explained."""

from __future__ import annotations

import itertools

import pytest

from ha_sidecar.transitions import ROWS, Keep, Phase, Situation, row_for


@pytest.mark.parametrize(("phase", "situation"), list(itertools.product(Phase, Situation)))
def test_exactly_one_row_answers_each_pair(phase: Phase, situation: Situation) -> None:
    row = row_for(phase, situation)
    assert row.situation is situation
    assert phase in row.phases


def test_every_row_gives_people_a_reason() -> None:
    assert all(len(row.reason.split()) >= 4 for row in ROWS)


def test_lost_never_has_a_primary_and_stable_never_lacks_one() -> None:
    for row in ROWS:
        if row.to is Phase.LOST:
            assert row.primary is Keep.DROP, row
        if row.to is Phase.STABLE:
            assert row.primary is not Keep.DROP, row


def test_only_a_proof_leads_out_of_lost_into_stable() -> None:
    into_stable = {
        row.situation for row in ROWS if row.to is Phase.STABLE and Phase.LOST in row.phases
    }
    assert into_stable == {Situation.SAME_PROVEN, Situation.NEW_PROVEN, Situation.STALLED}
