"""Builds traces and results for the tests."""

from typing import Any

from ha_setup.drill.result import RunResult
from ha_setup.drill.schedule import Action, Planned
from ha_setup.drill.trace import Outcome, Trace
from ha_setup.drill.verdicts import Verdict


def outcome(
    at: float, latency: float = 0.02, action: Action = Action.READ, kind: str = "", number: int = 0
) -> Outcome:
    return Outcome(Planned(number, at, 0, action), at + latency, Verdict(kind))


def trace(*outcomes: Outcome, ended_at: float = 20.0, **more: Any) -> Trace:
    return Trace(outcomes=outcomes, ended_at=ended_at, **more)


def result(**changes: Any) -> RunResult:
    values: dict[str, Any] = {
        "fault": "kill-primary",
        "number": 0,
        "suite": "on",
        "sync": "on",
        "started_at": "2026-11-21T10:00:00.000Z",
        "seconds": 51.0,
        "requests": 100,
        "failed_requests": 0,
        "failed_by_kind": {},
        "logouts": 0,
        "revived": 0,
        "hung_workers": 0,
        "writes_acknowledged": 30,
        "lost_acknowledged": 0,
        "lost_before_switch": 0,
        "duplicates": 0,
        "ghosts": 0,
        "write_outage_s": 21.5,
        "read_outage_s": 20.5,
        "max_latency_s": 21.6,
        "p50_ms": 14.0,
        "p99_ms": 20100.0,
        "steady_p50_ms": 13.0,
        "steady_p99_ms": 40.0,
        "writable_to_first_ack_ms": 120.0,
        "promoted_at": "2026-11-21T10:00:25.000Z",
        "verdict": "pass",
        "notes": [],
        "trace": trace(outcome(1), outcome(2, action=Action.WRITE)),
    }
    return RunResult(**values | changes)
