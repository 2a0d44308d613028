"""The topology document, as Odoo reads it."""

import json
from typing import Any

import pytest
from odoo.addons.ha_failover.topology.document import Server, TopologyError, parse

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "scope": "odoo-cluster",
    "epoch": 17,
    "state": "stable",
    "primary": {
        "name": "pg2",
        "host": "10.0.0.2",
        "port": 5432,
        "timeline": 4,
        "system_identifier": "7423",
    },
    "replicas": [],
    "sync_mode": "on",
    "since": "2026-11-21T10:00:00+00:00",
    "observed_at": "2026-11-21T10:00:05.250000Z",
    "source": "sql",
}


def text(**changes: Any) -> str:
    return json.dumps(DOCUMENT | changes)


def test_it_is_understood() -> None:
    topology = parse(text())
    assert topology.primary == Server("pg2", "10.0.0.2", 5432, 4, "7423")
    assert (topology.epoch, topology.state, topology.writable) == (17, "stable", True)


def test_only_a_stable_one_with_a_primary_is_writable() -> None:
    assert not parse(text(state="lost", primary=None)).writable
    assert not parse(text(state="switching")).writable


def test_an_old_one_and_one_from_the_future_are_not_fresh() -> None:
    topology = parse(text())
    seen = topology.observed_at
    assert topology.fresh(seen + 9, 10)
    assert not topology.fresh(seen + 11, 10)
    assert not topology.fresh(seen - 11, 10)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "[]",
        "{",
        "null",
        text(version=2),
        text(state="fine"),
        text(epoch="x"),
        text(primary={"name": "pg2"}),
        text(observed_at="yesterday"),
    ],
)
def test_anything_else_is_refused(bad: str) -> None:
    with pytest.raises(TopologyError):
        parse(bad)
