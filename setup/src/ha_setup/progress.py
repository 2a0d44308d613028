"""Progress for people: each step with its elapsed time; plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.status import Status

PLAIN_INTERVAL_S = 10.0


class Step(Protocol):
    """What a running step may say about itself."""

    def update(self, detail: str) -> None: ...


class Progress:
    """Shows steps on a console. Steps may nest; only the outermost one is animated."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._titles: list[str] = []
        self._told = 0.0

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show `title` while the body runs, then its outcome and elapsed seconds.

        An exception marks the step as failed and is passed on.
        """
        started = time.monotonic()
        self._titles.append(title)
        running = _RunningStep(self, title, started)
        self._begin(title)
        try:
            yield running
        except BaseException:
            self._end(title, started, "[red]failed[/red]")
            raise
        else:
            self._end(title, started, running.outcome)

    def note(self, text: str) -> None:
        """A line of its own."""
        self._console.print(escape(text), soft_wrap=True)

    def _begin(self, title: str) -> None:
        if not self._console.is_terminal:
            self._line(f"… {escape(title)}", depth=len(self._titles) - 1)
        elif self._status is None:
            self._status = self._console.status(escape(title))
            self._status.start()
        else:
            self._status.update(escape(" › ".join(self._titles)))

    def _end(self, title: str, started: float, outcome: str) -> None:
        self._titles.pop()
        if self._status is not None and not self._titles:
            self._status.stop()
            self._status = None
        elif self._status is not None:
            self._status.update(escape(" › ".join(self._titles)))
        elapsed = time.monotonic() - started
        self._line(
            f"{escape(title)}: {outcome} [dim]({elapsed:.1f} s)[/dim]", depth=len(self._titles)
        )

    def show(self, title: str, detail: str, started: float) -> None:
        """Refresh the animated line; on a plain console, a line now and then."""
        now = time.monotonic()
        if self._status is not None:
            self._status.update(escape(f"{title} — {detail} ({now - started:.0f} s)"))
        elif now - max(started, self._told) >= PLAIN_INTERVAL_S:
            self._told = now
            self._line(escape(f"  {detail} ({now - started:.0f} s)"), depth=len(self._titles) - 1)

    def _line(self, markup: str, *, depth: int) -> None:
        self._console.print("  " * depth + markup, soft_wrap=True)


class _RunningStep:
    def __init__(self, progress: Progress, title: str, started: float) -> None:
        self._progress = progress
        self._title = title
        self._started = started
        self.outcome = "[green]done[/green]"

    def update(self, detail: str) -> None:
        self._progress.show(self._title, detail, self._started)


class SilentProgress(Progress):
    """Shows nothing; for callers that have a display of their own."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
