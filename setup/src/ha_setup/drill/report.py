"""The report for people on a terminal, and the table for the README."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from ha_setup.drill.result import RunResult


def print_report(results: Sequence[RunResult], console: Console | None = None) -> None:
    """Print a table of all runs, and a timeline of the first of each variant."""
    raise NotImplementedError
