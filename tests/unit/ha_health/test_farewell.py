"""When the websockets of a drained node are told to connect elsewhere."""

import pytest
from odoo.addons.ha_health.farewell import NOTICED, Farewell, is_due


@pytest.mark.parametrize(
    ("since", "now", "due"),
    [(None, 100.0, False), (100.0, 100.0 + NOTICED / 2, False), (100.0, 100.0 + NOTICED, True)],
)
def test_balancers_take_notice_first(since: float | None, now: float, due: bool) -> None:
    assert is_due(since, now) is due


def test_a_drain_that_is_taken_back_counts_no_more() -> None:
    farewell = Farewell()
    farewell.look(True, 100.0)
    farewell.look(False, 101.0)
    farewell.look(True, 120.0)
    assert farewell._since == 120.0
