"""The settings that people get wrong."""

from __future__ import annotations

import pytest
from odoo.addons.ha_cron_leader.settings import pools


def test_pools_are_in_the_order_of_preference() -> None:
    assert pools("main") == ("main",)
    assert pools(" reports ,main") == ("reports", "main")


@pytest.mark.parametrize("text", ["", "main,", "main main", "main, main", "a;b", "-x"])
def test_what_is_no_list_of_pools_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as main, reports"):
        pools(text)
