"""What happened in a run, moment by moment: the raw material of figures and pictures. Pure.

All times are seconds since the load's start.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ha_setup.drill.schedule import Planned
from ha_setup.drill.verdicts import Verdict


@dataclass(frozen=True)
class Outcome:
    """A planned request and how it ended. `target`: the token of the attachment that was to be read."""

    planned: Planned
    finished_at: float
    verdict: Verdict
    target: str = ""

    @property
    def latency(self) -> float:
        """Seconds from the scheduled start, so that waiting for one's turn is not hidden."""
        return self.finished_at - self.planned.at


@dataclass(frozen=True)
class Trace:
    """One run.

    `ended_at`: the moment the last request was started. `recovered_at`: None when the run gave up waiting.
    `notes`: lines for people, each with its time.
    """

    outcomes: tuple[Outcome, ...]
    ended_at: float
    fault_at: float | None = None
    last_writable_at: float | None = None
    promoted_at: float | None = None
    promoted_node: str | None = None
    first_ack_at: float | None = None
    recovered_at: float | None = None
    notes: tuple[tuple[float, str], ...] = field(default=())
