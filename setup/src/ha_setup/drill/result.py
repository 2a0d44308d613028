"""The figures of one run, and their JSON form. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ha_setup.drill.trace import Trace

SuiteState = Literal["on", "stock"]
OnOff = Literal["on", "off"]

JSON_KEYS = (
    "fault", "suite", "sync", "started_at", "requests", "failed_requests", "failed_by_kind", "logouts",
    "writes_acknowledged", "lost_acknowledged", "duplicates", "ghosts", "write_outage_s", "read_outage_s",
    "max_latency_s", "p50_ms", "p99_ms", "writable_to_first_ack_ms", "promoted_at", "verdict",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What one run showed. `trace` holds the single requests and events, for pictures; it is not in the JSON.

    Times in words are RFC 3339, UTC. Latencies count from the scheduled start of a request.
    """

    fault: str
    suite: SuiteState
    sync: OnOff
    started_at: str
    requests: int
    failed_requests: int
    failed_by_kind: dict[str, int]
    logouts: int
    writes_acknowledged: int
    lost_acknowledged: int
    duplicates: int
    ghosts: int
    write_outage_s: float
    read_outage_s: float
    max_latency_s: float
    p50_ms: float
    p99_ms: float
    writable_to_first_ack_ms: float | None
    promoted_at: str | None
    verdict: str
    trace: Trace = field(repr=False, compare=False)

    @property
    def passed(self) -> bool:
        return self.verdict == "pass"

    def as_json(self) -> dict[str, object]:
        """Exactly the keys of JSON_KEYS, in that order."""
        return {key: getattr(self, key) for key in JSON_KEYS}


def to_json(results: Sequence[RunResult]) -> str:
    """A JSON array, one object per run."""
    return json.dumps([result.as_json() for result in results], indent=2) + "\n"
