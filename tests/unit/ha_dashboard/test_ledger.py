"""What outages cost: counted over processes, second by second."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from odoo.addons.ha_dashboard.ledger import ROWS, SIZE, Ledger, Row, cost
from odoo.addons.ha_dashboard.shared import shared_file
from odoo.addons.ha_dashboard.turn import Turn

NOW = 1_800_000_000.0


@pytest.fixture
def descriptor(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.delenv("HA_DASHBOARD_LEDGER", raising=False)
    descriptor = shared_file("ledger", SIZE, False)
    yield descriptor
    os.close(descriptor)


def test_only_what_is_new_is_added(descriptor: int) -> None:
    ledger = Ledger(descriptor)
    ledger.bring((1, 0.5, 0, 0, 0), NOW)
    ledger.bring((1, 0.5, 0, 0, 0), NOW + 1)
    ledger.bring((3, 2.0, 1, 0, 0), NOW + 2)
    assert ledger.rows() == [
        Row(int(NOW), (1, 0.5, 0, 0, 0)),
        Row(int(NOW) + 2, (2, 1.5, 1, 0, 0)),
    ]


def test_processes_add_up(descriptor: int) -> None:
    for _ in range(3):
        if (child := os.fork()) == 0:
            Ledger(descriptor).bring((2, 1.0, 1, 0, 0), NOW)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert Ledger(descriptor).rows() == [Row(int(NOW), (6, 3.0, 3, 0, 0))]


def test_the_gevent_process_finds_it_through_its_master(descriptor: int) -> None:
    Ledger(descriptor).bring((1, 0.0, 0, 0, 0), NOW)
    found = shared_file("ledger", SIZE, True)
    assert [row.second for row in Ledger(found).rows()] == [int(NOW)]
    os.close(found)


def test_an_old_row_gives_way(descriptor: int) -> None:
    ledger = Ledger(descriptor)
    ledger.bring((5, 0.0, 0, 0, 0), NOW)
    ledger.bring((6, 0.0, 0, 0, 0), NOW + ROWS)
    assert ledger.rows() == [Row(int(NOW) + ROWS, (1, 0.0, 0, 0, 0))]


def test_an_outage_costs_what_was_counted_from_its_beginning_on() -> None:
    rows = [Row(second, (1, 2.0, 0, 0, 1)) for second in (99, 100, 105, 130, 200)]
    found = cost(rows, 100.4, 103.0, 1000.0)
    assert found == {"held": 3, "held_seconds": 6.0, "replayed": 0, "resolved": 0, "unanswered": 3}
    # What comes after the next one began is the next one's.
    assert cost(rows, 100.4, 103.0, 110.0)["held"] == 2


def test_one_process_has_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn(shared_file("turn", 0, False))
    began, ended = os.pipe(), os.pipe()
    if (child := os.fork()) == 0:
        os.write(began[1], b"y" if turn.take() else b"n")
        os.read(ended[0], 1)
        os._exit(0)
    try:
        assert os.read(began[0], 1) == b"y"
        assert not turn.take()
    finally:
        os.write(ended[1], b"x")
        os.waitpid(child, 0)
    # It is free as soon as who had it is gone.
    assert turn.take()
    assert turn.is_mine()
    assert not turn.take()
