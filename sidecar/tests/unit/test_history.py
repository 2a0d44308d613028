"""The history of outages: what is recorded of each, what survives a restart."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ha_sidecar.cluster import ClusterView, Primary, SyncMode
from ha_sidecar.history import MOST, Kind, Outage, fold, from_json
from ha_sidecar.history_file import History
from ha_sidecar.state import Memory, State
from ha_sidecar.transitions import Phase

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD = Primary("pg1", "10.0.0.11", 5432, 3, "7000")
NEW = Primary("pg2", "10.0.0.12", 5432, 4, "7000")
STABLE = State(Memory(1, "7000", 3, OLD), Phase.STABLE, OLD)
SWITCHING = replace(STABLE, phase=Phase.SWITCHING)
LOST = replace(STABLE, phase=Phase.LOST, primary=None)
MOVED = State(Memory(2, "7000", 4, NEW), Phase.STABLE, NEW)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def view(leader: str | None) -> ClusterView:
    return ClusterView(leader, (), "7000", SyncMode.OFF, frozenset())


def told(*steps: tuple[float, State, str | None]) -> tuple[Outage, ...]:
    """The records after these decisions, from a stable cluster on."""
    records: tuple[Outage, ...] = ()
    before = STABLE
    for seconds, after, leader in steps:
        records = fold(records, before, after, view(leader), "it was gone", at(seconds))
        before = after
    return records


def test_a_failover_has_its_moments() -> None:
    (record,) = told(
        (0, SWITCHING, "pg1"),
        (1, LOST, "pg1"),
        (2, LOST, "pg2"),
        (3, MOVED, "pg2"),
        (4, MOVED, "pg2"),
    )
    assert record == Outage(
        began_at=at(0),
        kind=Kind.FAILOVER,
        reason="it was gone",
        old="pg1",
        old_timeline=3,
        new="pg2",
        timeline=4,
        isolated_at=at(1),
        elected_at=at(2),
        promoted_at=at(3),
        ended_at=at(3),
    )
    assert from_json(json.loads(json.dumps(record.as_json()))) == record


def test_the_same_primary_again_is_an_interruption() -> None:
    (record,) = told((0, LOST, None), (5, STABLE, "pg1"))
    assert (record.kind, record.new, record.promoted_at) == (Kind.INTERRUPTION, None, None)
    assert (record.isolated_at, record.ended_at) == (at(0), at(5))


def test_a_planned_switchover_is_called_one() -> None:
    held = replace(SWITCHING, unsettled="hold")
    (record,) = told(
        (0, held, "pg1"), (1, replace(LOST, unsettled="hold"), None), (2, MOVED, "pg2")
    )
    assert (record.kind, record.new) == (Kind.SWITCHOVER, "pg2")


def test_the_same_server_on_a_new_timeline_was_promoted() -> None:
    again = Primary("pg1", "10.0.0.11", 5432, 4, "7000")
    (record,) = told((0, LOST, None), (2, replace(MOVED, primary=again), "pg1"))
    assert (record.kind, record.new, record.timeline) == (Kind.FAILOVER, "pg1", 4)


def test_a_primary_that_moves_at_once_is_recorded() -> None:
    (record,) = told((0, MOVED, "pg2"))
    assert (record.kind, record.isolated_at, record.ended_at) == (Kind.FAILOVER, at(0), at(0))


def test_a_start_is_no_outage() -> None:
    assert fold((), LOST, STABLE, view("pg1"), "", at(0)) == ()


def test_nothing_new_is_the_same_object() -> None:
    records = told((0, LOST, None))
    assert fold(records, LOST, LOST, view(None), "", at(1)) is records
    assert fold((), STABLE, STABLE, view("pg1"), "", at(1)) == ()


def test_only_so_many_are_kept() -> None:
    records: tuple[Outage, ...] = ()
    for number in range(MOST + 5):
        records = fold(records, STABLE, LOST, view(None), "", at(2 * number))
        records = fold(records, LOST, STABLE, view("pg1"), "", at(2 * number + 1))
    assert (len(records), records[-1].began_at) == (MOST, at(2 * (MOST + 4)))


def test_an_outage_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "demo.history.json"
    History(path).saw(STABLE, LOST, view(None), "it was gone", at(0))
    restarted = History(path)
    restarted.saw(LOST, MOVED, view("pg2"), "", at(9))
    (record,) = History(path).status()["outages"]
    assert (record["began_at"], record["new"]) == ("2026-01-02T03:04:05.000000Z", "pg2")


def test_a_damaged_file_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "demo.history.json"
    for text in ("", "[]", '{"outages": [{}]}', '{"outages": 3}'):
        path.write_text(text)
        assert History(path).status()["outages"] == []


def test_lag_is_sampled_now_and_then(tmp_path: Path) -> None:
    history = History(tmp_path / "demo.history.json")
    replica = {"name": "pg2", "lag_bytes": 7, "lag_seconds": 0.5}
    for now in (0.0, 1.0, 4.9, 5.0):
        history.sample([replica], now)
    history.sample([{**replica, "name": "pg3", "lag_bytes": None}], 10.0)
    assert history.status()["lag"]["replicas"] == {
        "pg2": {"bytes": [7, 7, None], "seconds": [0.5, 0.5, None]},
        "pg3": {"bytes": [None, None, None], "seconds": [None, None, 0.5]},
    }
