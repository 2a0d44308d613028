"""Draws one run as SVG: every request at its scheduled moment, as high as it took. Pure.

Colours and strokes come from the page's style sheet, by class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from ha_setup.drill.schedule import Action
from ha_setup.drill.trace import Outcome, Trace

_FLOOR, _CEILING = 0.005, 120.0  # seconds at the bottom and the top of the logarithmic scale
_GRID = ((0.01, "10 ms"), (0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (100.0, "100 s"))
_LEFT, _RIGHT, _BOTTOM = 46, 10, 34
_LABEL_HEIGHT = 17


@dataclass(frozen=True)
class Frame:
    """The drawing's size in its own units, and the seconds that its time axis spans."""

    width: int
    height: int
    seconds: float
    marks: int = 3

    @property
    def top(self) -> float:
        return 8 + self.marks * _LABEL_HEIGHT

    def x(self, at: float) -> float:
        return _LEFT + (self.width - _LEFT - _RIGHT) * min(max(at / self.seconds, 0.0), 1.0)

    def y(self, latency: float) -> float:
        bounded = min(max(latency, _FLOOR), _CEILING)
        share = math.log(bounded / _FLOOR) / math.log(_CEILING / _FLOOR)
        return self.height - _BOTTOM - share * (self.height - _BOTTOM - self.top)


def draw(trace: Trace, *, title: str, width: int, height: int, seconds: float) -> str:
    """The SVG element. `seconds`: the length of the time axis, given so that pictures can share it."""
    frame = Frame(width, height, seconds)
    parts = [
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">',
        *_grid(frame),
        *_outage(frame, trace),
        *(_request(frame, outcome) for outcome in _failures_last(trace.outcomes)),
        *_marks(frame, trace),
        "</svg>",
    ]
    return "\n".join(parts)


def time_step(seconds: float, width: int) -> int:
    """Seconds between marks on the time axis, so that they stand at least 44 units apart."""
    for step in (1, 2, 5, 10, 20, 30, 60):
        if (width - _LEFT - _RIGHT) * step / seconds >= 44:
            return step
    return 120


def _grid(frame: Frame) -> Iterable[str]:
    floor, right = frame.height - _BOTTOM, frame.width - _RIGHT
    for latency, label in _GRID:
        y = frame.y(latency)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield f'<text class="axis" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    step = time_step(frame.seconds, frame.width)
    for at in range(0, int(frame.seconds) + 1, step):
        x = frame.x(at)
        yield f'<line class="tick" x1="{x:.1f}" y1="{floor}" x2="{x:.1f}" y2="{floor + 4}"/>'
        yield f'<text class="axis" x="{x:.1f}" y="{floor + 17}" text-anchor="middle">{at}</text>'
    yield f'<line class="base" x1="{_LEFT}" y1="{floor}" x2="{right}" y2="{floor}"/>'
    yield (
        f'<text class="axis" x="{right}" y="{frame.height - 4}" text-anchor="end">'
        "seconds, at the request's scheduled start</text>"
    )


def _outage(frame: Frame, trace: Trace) -> Iterable[str]:
    """The time in which no server took writes."""
    if trace.last_writable_at is None or trace.promoted_at is None:
        return
    if trace.last_writable_at >= trace.promoted_at:
        return  # the old primary went on beside the new one
    left, right = frame.x(trace.last_writable_at), frame.x(trace.promoted_at)
    height = frame.height - _BOTTOM - frame.top
    yield (
        f'<rect class="outage" x="{left:.1f}" y="{frame.top}" width="{max(right - left, 1):.1f}" '
        f'height="{height:.1f}"><title>no writable primary for '
        f"{trace.promoted_at - trace.last_writable_at:.2f} s</title></rect>"
    )


def _failures_last(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Drawn last, they lie on top."""
    return sorted(outcomes, key=lambda outcome: bool(outcome.verdict.kind))


def _request(frame: Frame, outcome: Outcome) -> str:
    x, y = frame.x(outcome.planned.at), frame.y(outcome.latency)
    how = outcome.verdict.kind or "good"
    words = f"{outcome.planned.action.value} at {outcome.planned.at:.1f} s: {how}, {outcome.latency:.2f} s"
    tip = f"<title>{escape(words)}</title>"
    if outcome.verdict.kind:
        return f'<path class="bad" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6">{tip}</path>'
    if outcome.planned.action.writes:
        return f'<circle class="write" cx="{x:.1f}" cy="{y:.1f}" r="2.8">{tip}</circle>'
    kind = "page" if outcome.planned.action is Action.PAGE else "read"
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="2.6">{tip}</circle>'


def _marks(frame: Frame, trace: Trace) -> Iterable[str]:
    """Vertical lines for the fault, the promotion and the first write after it, a label's height each."""
    marks = (
        ("fault", trace.fault_at, "fault"),
        ("promoted", trace.promoted_at, f"{trace.promoted_node} writable"),
        ("first-ack", trace.first_ack_at, "first write"),
    )
    for row, (kind, at, label) in enumerate(marks):
        if at is None:
            continue
        x, y = frame.x(at), 14 + row * _LABEL_HEIGHT
        text = f"{label} {at:.1f} s"
        left = x + 7 * len(text) > frame.width - _RIGHT
        place = f'x="{x - 5:.1f}" text-anchor="end"' if left else f'x="{x + 5:.1f}"'
        yield (
            f'<line class="mark {kind}" x1="{x:.1f}" y1="{y - 9}" x2="{x:.1f}" '
            f'y2="{frame.height - _BOTTOM}"/>'
        )
        yield f'<text class="label {kind}" {place} y="{y}">{escape(text)}</text>'
