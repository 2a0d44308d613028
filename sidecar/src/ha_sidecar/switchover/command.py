"""``ha-sidecar switchover``: progress on stderr, the end on stdout with ``--json``, exit codes."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from types import FrameType

from ..session import Bell
from ..settings import Settings
from .flow import SwitchoverRun
from .outcome import Outcome, Report
from .plan import Order


def switchover(settings: Settings, *, candidate: str | None, force: bool, as_json: bool) -> int:
    """Switch over; return the exit code. Raises ConfigError. For the main thread."""
    bell = Bell()

    def on_signal(number: int, frame: FrameType | None) -> None:
        bell.ring()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    began = time.monotonic()

    def say(text: str) -> None:
        # A terminal that went away is no reason to stop half-way.
        with contextlib.suppress(OSError):
            print(f"{time.monotonic() - began:6.2f} s  {text}", file=sys.stderr, flush=True)

    run = SwitchoverRun(settings, Order(candidate, force), say=say, bell=bell)
    try:
        report = run.carry_out()
    finally:
        bell.close()
    for line in _lines(report):
        say(line)
    if as_json:
        print(json.dumps(report.for_scripts()))
    return report.outcome.exit_code


def _lines(report: Report) -> list[str]:
    if report.outcome is Outcome.SWITCHED:
        return [
            f"switched: {report.new} is the primary, on timeline {report.timeline};"
            f" new transactions were held for {report.held_s:.2f} s"
        ]
    return [f"{report.outcome.word}: {reason}" for reason in report.reasons]
