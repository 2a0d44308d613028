"""Which process is which node: pids.json, with creation times so that a reused pid is never ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ha_setup.files import write_file

CREATE_TIME_TOLERANCE_S = 0.05


@dataclass(frozen=True)
class Entry:
    """A process as it was when it was started."""

    pid: int
    create_time: float

    def matches(self, pid: int, create_time: float) -> bool:
        return self.pid == pid and abs(self.create_time - create_time) < CREATE_TIME_TOLERANCE_S


def parse_registry(text: str) -> dict[str, Entry]:
    """Entries by node. Whatever is not an entry is left out: the file may be from a broken run."""
    try:
        raw = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(raw, dict):
        return {}
    entries: dict[str, Entry] = {}
    for node, value in raw.items():
        try:
            entries[str(node)] = Entry(int(value["pid"]), float(value["create_time"]))
        except (KeyError, TypeError, ValueError):
            continue
    return entries


def format_registry(entries: Mapping[str, Entry]) -> str:
    return (
        json.dumps(
            {
                node: {"pid": e.pid, "create_time": e.create_time}
                for node, e in sorted(entries.items())
            },
            indent=1,
        )
        + "\n"
    )


class Registry:
    """The file itself. Read afresh each time: another run may have written it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> dict[str, Entry]:
        try:
            return parse_registry(self._path.read_text())
        except OSError:
            return {}

    def record(self, node: str, entry: Entry) -> None:
        write_file(self._path, format_registry({**self.entries(), node: entry}))

    def forget(self, node: str) -> None:
        entries = self.entries()
        if entries.pop(node, None) is not None:
            write_file(self._path, format_registry(entries))
