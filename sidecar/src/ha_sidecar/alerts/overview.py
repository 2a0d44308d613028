"""The alerts as the API and the dashboard show them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .checks import Severity
from .decide import State

#: The worst first.
_ORDER = [str(each) for each in Severity]


def shown(state: State, silences: Mapping[str, Mapping[str, Any]], now: float) -> dict[str, Any]:
    """Return those that are raised, told or not, the silences that last, and what isn't sent yet."""
    until = {name: float(one.get("until", 0)) for name, one in silences.items()}
    return {
        "alerts": [
            {
                "id": one.id,
                "check": one.check,
                "severity": one.severity,
                "message": one.message,
                "since": _moment(one.since),
                "muted_by": one.muted_by,
                "silenced_until": _silenced(until, one.id, one.check, now),
            }
            for one in sorted(
                state.alerts.values(), key=lambda one: (_ORDER.index(one.severity), one.since)
            )
            if one.raised
        ],
        "silences": [
            {"id": name, "until": _moment(end)} for name, end in sorted(until.items()) if end > now
        ],
        "unsent": len(state.outbox),
    }


def _silenced(until: Mapping[str, float], alert: str, check: str, now: float) -> str | None:
    end = max(until.get(alert, 0.0), until.get(check, 0.0))
    return _moment(end) if end > now else None


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
