"""What a thread may wait: waiting uses it up, work does not, until the wait has begun."""

import importlib
from collections.abc import Iterator
from unittest.mock import MagicMock, patch

import pytest
from odoo.addons.ha_failover.gate.budget import budget, remaining, spend

# The package gives out the function under the module's name.
module = importlib.import_module("odoo.addons.ha_failover.gate.budget")


@pytest.fixture
def clock() -> Iterator[MagicMock]:
    with patch.object(module, "time") as clock:
        clock.monotonic.return_value = 100.0
        yield clock.monotonic


def test_without_a_budget_the_default_counts() -> None:
    assert remaining(7.0) == 7.0


def test_work_uses_nothing_up(clock: MagicMock) -> None:
    with budget(60):
        clock.return_value += 1000
        assert remaining(0) == 60


def test_waiting_does(clock: MagicMock) -> None:
    with budget(60):
        spend(45)
        assert remaining(0) == 15
        spend(45)
        assert remaining(0) == 0


def test_once_it_has_begun_time_does(clock: MagicMock) -> None:
    with budget(60) as mine:
        clock.return_value += 1000
        spend(10)
        ends_at = mine.begin()
        assert ends_at == 1150
        clock.return_value += 20
        assert mine.begin() == ends_at
        assert remaining(0) == 30


def test_a_smaller_outer_one_stays_in_force(clock: MagicMock) -> None:
    with budget(5) as outer:
        with budget(60) as inner:
            assert inner.remaining() == 5
            spend(3)
        assert outer.remaining() == 2
    with budget(0), budget(60):
        assert remaining(9) == 0


def test_a_child_process_inherits_none() -> None:
    with budget(0), patch.object(module.os, "getpid", return_value=-1):
        assert remaining(7.0) == 7.0


def test_it_ends_with_its_block() -> None:
    with budget(1):
        assert remaining(7.0) == 1
    assert remaining(7.0) == 7.0
