"""The registry of processes: what a broken run left must never make us end a stranger's process."""

import json
from pathlib import Path

import pytest

from ha_setup.cluster.registry import Entry, Registry, format_registry, parse_registry


def test_entries_survive_a_round_trip() -> None:
    entries = {"pg1": Entry(12, 1700000000.25), "odoo1": Entry(13, 1700000001.5)}
    assert parse_registry(format_registry(entries)) == entries


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"pg1"'])
def test_a_ruined_file_is_an_empty_registry(text: str) -> None:
    assert parse_registry(text) == {}


@pytest.mark.parametrize("value", [None, 7, {}, {"pid": "x", "create_time": 1}, {"pid": 3}])
def test_what_is_not_an_entry_is_left_out(value: object) -> None:
    text = json.dumps({"pg1": value, "pg2": {"pid": 5, "create_time": 2.0}})
    assert parse_registry(text) == {"pg2": Entry(5, 2.0)}


def test_a_reused_pid_does_not_match() -> None:
    entry = Entry(4711, 1700000000.0)
    assert entry.matches(4711, 1700000000.01)
    assert not entry.matches(4711, 1700000009.0)
    assert not entry.matches(4712, 1700000000.0)


def test_recording_and_forgetting(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "pids.json")
    assert registry.entries() == {}
    registry.record("pg1", Entry(1, 1.0))
    registry.record("pg2", Entry(2, 2.0))
    registry.forget("pg1")
    registry.forget("never there")
    assert registry.entries() == {"pg2": Entry(2, 2.0)}
