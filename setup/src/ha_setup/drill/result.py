"""The figures of one run, and their JSON form. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ha_setup.drill.trace import Trace

SuiteState = Literal["on", "stock"]
OnOff = Literal["on", "off"]

JSON_KEYS = (
    "fault", "number", "suite", "sync", "started_at", "seconds", "requests", "failed_requests", "failed_by_kind", "logouts", "revived", "hung_workers",
    "writes_acknowledged", "lost_acknowledged", "lost_before_switch", "duplicates", "ghosts", "write_outage_s", "read_outage_s",
    "max_latency_s", "p50_ms", "p99_ms", "steady_p50_ms", "steady_p99_ms", "writable_to_first_ack_ms", "promoted_at", "verdict", "notes",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What one run showed. `revived`: sessions that their users ended during the fault, and that lived again.
    `hung_workers`: those that Odoo killed for a request that took too long. `trace` holds the single requests and events, for pictures; it is not in the JSON.

    Times in words are RFC 3339, UTC. Latencies count from the scheduled start of a request; the steady ones
    are of requests that began before the fault. `lost_before_switch`: acknowledged writes that are gone
    although they lie before the point at which the new primary's timeline left the old one. `seconds`: the
    whole run, healing included. `notes`: what the fault did, with its times.
    """

    fault: str
    number: int
    suite: SuiteState
    sync: OnOff
    started_at: str
    seconds: float
    requests: int
    failed_requests: int
    failed_by_kind: dict[str, int]
    logouts: int
    revived: int
    hung_workers: int
    writes_acknowledged: int
    lost_acknowledged: int
    lost_before_switch: int
    duplicates: int
    ghosts: int
    write_outage_s: float
    read_outage_s: float
    max_latency_s: float
    p50_ms: float
    p99_ms: float
    steady_p50_ms: float
    steady_p99_ms: float
    writable_to_first_ack_ms: float | None
    promoted_at: str | None
    verdict: str
    notes: list[str]
    trace: Trace = field(repr=False, compare=False)

    @property
    def passed(self) -> bool:
        return self.verdict == "pass"

    def as_json(self) -> dict[str, object]:
        """Exactly the keys of JSON_KEYS, in that order."""
        return {key: getattr(self, key) for key in JSON_KEYS}


def from_json(document: Mapping[str, Any]) -> RunResult:
    """The result that `as_json` described, without its trace. Raises KeyError or TypeError when it is none."""
    older = {"revived": 0, "hung_workers": 0}  # records that were begun before they were counted
    return RunResult(**{key: {**older, **document}[key] for key in JSON_KEYS}, trace=Trace((), 0.0))


def to_json(results: Sequence[RunResult]) -> str:
    """A JSON array, one object per run."""
    return json.dumps([result.as_json() for result in results], indent=2) + "\n"
