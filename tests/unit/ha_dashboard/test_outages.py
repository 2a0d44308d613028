"""One history out of what several nodes recorded."""

from __future__ import annotations

from typing import Any

from odoo.addons.ha_dashboard.outages import merge


def at(second: float) -> str:
    return f"2026-01-02T03:04:{second:09.6f}Z"


def record(**values: Any) -> dict[str, Any]:
    return {
        "began_at": at(10),
        "kind": "failover",
        "reason": "",
        "old": "pg1",
        "old_timeline": 1,
        "new": "pg2",
        "timeline": 2,
        "isolated_at": at(11),
        "elected_at": at(12),
        "promoted_at": at(13),
        "ended_at": at(13),
        "first_write_at": at(14),
        "cost": None,
        **values,
    }


def interruption(**values: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("new", "timeline", "elected_at", "promoted_at", "first_write_at"))
    return record(**{"kind": "interruption", **nothing, **values})


COST = {"held": 2, "held_seconds": 3.0, "replayed": 1, "resolved": 0, "unanswered": 0}


def test_what_two_nodes_saw_is_one() -> None:
    one = record(cost=COST)
    other = record(began_at=at(9), isolated_at=at(12), promoted_at=at(13.5), ended_at=at(14))
    (merged,) = merge([("a", one), ("b", {**other, "cost": COST})])
    assert (merged["began_at"], merged["isolated_at"]) == (at(9), at(12))
    assert (merged["promoted_at"], merged["ended_at"]) == (at(13), at(14))
    assert merged["cost"] == {name: 2 * value for name, value in COST.items()}
    assert (merged["nodes"], merged["cost_nodes"]) == (2, 2)


def test_a_node_that_does_not_know_its_cost_adds_none() -> None:
    (merged,) = merge([("a", record(cost=COST)), ("b", record())])
    assert (merged["cost"], merged["nodes"], merged["cost_nodes"]) == (COST, 2, 1)


def test_it_lasts_until_it_is_over_everywhere() -> None:
    lasting = record(new=None, timeline=None, promoted_at=None, ended_at=None)
    (merged,) = merge([("a", record()), ("b", lasting)])
    assert (merged["new"], merged["ended_at"]) == ("pg2", None)


def test_others_are_others() -> None:
    again = record(began_at=at(40), old="pg2", new="pg1", timeline=3, old_timeline=2)
    blip, later = interruption(began_at=at(5)), interruption(began_at=at(50))
    found = merge([("a", record()), ("a", again), ("b", later), ("a", {**blip, "old": "pg3"})])
    assert [one["kind"] for one in found] == [
        "interruption",
        "failover",
        "failover",
        "interruption",
    ]
    assert found[1]["new"] == "pg1"


def test_only_the_newest_are_shown() -> None:
    many = [("a", interruption(began_at=at(second))) for second in range(0, 60, 25)]
    assert [one["began_at"] for one in merge(many, most=2)] == [at(50), at(25)]
