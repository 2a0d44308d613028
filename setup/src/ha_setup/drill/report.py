"""The report for people on a terminal, and the table for the README."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ha_setup.drill.result import RunResult
from ha_setup.drill.textline import Band, bands


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


# Row label, the figure, and whether a number above zero is bad news.
FIGURES: tuple[tuple[str, Callable[[RunResult], str], Callable[[RunResult], bool]], ...] = (
    (
        "failed / sent requests",
        lambda r: f"{r.failed_requests} / {r.requests}",
        lambda r: r.failed_requests > 0,
    ),
    ("users logged out", lambda r: str(r.logouts), lambda r: r.logouts > 0),
    ("ended sessions that lived again", lambda r: str(r.revived), lambda r: r.revived > 0),
    (
        "workers hung past their timeout",
        lambda r: str(r.hung_workers),
        lambda r: r.hung_workers > 0,
    ),
    (
        "writes acknowledged",
        lambda r: str(r.writes_acknowledged),
        lambda r: not r.writes_acknowledged,
    ),
    (
        "acknowledged writes lost",
        lambda r: str(r.lost_acknowledged),
        lambda r: r.lost_acknowledged > 0 and r.sync == "on",
    ),
    (
        "lost though before the switch point",
        lambda r: str(r.lost_before_switch),
        lambda r: r.lost_before_switch > 0,
    ),
    ("writes stored twice", lambda r: str(r.duplicates), lambda r: r.duplicates > 0),
    ("ghosts (told failed, stored)", lambda r: str(r.ghosts), lambda r: r.ghosts > 0),
    ("longest pause in writes", lambda r: _seconds(r.write_outage_s), lambda _: False),
    ("longest pause in reads", lambda r: _seconds(r.read_outage_s), lambda _: False),
    ("slowest request", lambda r: _seconds(r.max_latency_s), lambda _: False),
    (
        "p50, p99 before the fault",
        lambda r: f"{r.steady_p50_ms:,.0f}, {r.steady_p99_ms:,.0f} ms",
        lambda _: False,
    ),
    (
        "p50, p99 of the whole run",
        lambda r: f"{r.p50_ms:,.0f}, {r.p99_ms:,.0f} ms",
        lambda _: False,
    ),
    (
        "new primary writable to first write",
        lambda r: _milliseconds(r.writable_to_first_ack_ms),
        lambda _: False,
    ),
)


def suite_name(result: RunResult) -> str:
    """What a column is called."""
    return "with the suite" if result.suite == "on" else "stock Odoo"


def print_report(results: Sequence[RunResult], console: Console | None = None) -> None:
    """Print the figures of all runs side by side, why any failed, and a timeline of each variant's first run."""
    console = console or Console()
    if not results:
        console.print("no run was made")
        return
    for start in range(0, len(results), 6):  # as many columns as a terminal holds
        console.print(_table(results[start : start + 6], numbered=len(results) > 2))
    for result in results:
        if not result.passed:
            console.print(
                Text(f"{suite_name(result)}, {result.started_at}: {result.verdict}", style="red")
            )
    shown = set()
    for result in results:
        if result.suite not in shown:
            shown.add(result.suite)
            console.print(_timeline(result, width=max(40, min(console.width, 120))))
    if len(results) > 2:
        suite = [result for result in results if result.suite == "on"]
        passed = sum(result.passed for result in suite)
        console.print(f"with the suite: {passed} of {len(suite)} runs passed")


def _table(results: Sequence[RunResult], *, numbered: bool) -> Table:
    first = results[0]
    table = Table(
        title=f"{first.fault}, synchronous replication {first.sync}", title_justify="left"
    )
    table.add_column("what users noticed")
    for number, result in enumerate(results, 1):
        table.add_column(
            f"{suite_name(result)}{f' #{number}' if numbered else ''}", justify="right"
        )
    for label, figure, is_bad in FIGURES:
        cells = [Text(figure(r), style="red" if is_bad(r) else "") for r in results]
        table.add_row(label, *cells)
    verdicts = [
        Text("pass", style="green") if r.passed else Text("fail", style="bold red") for r in results
    ]
    table.add_row("verdict", *verdicts)
    return table


_STYLES = {
    Band.GOOD: ("▁", "green"),
    Band.SLOW: ("▄", "yellow"),
    Band.BAD: ("█", "red"),
    Band.NONE: (" ", ""),
}


def _timeline(result: RunResult, width: int) -> Text:
    """Writes, reads and pages by the moment of their scheduled start, worst answer of each slot on top."""
    trace = result.trace
    text = Text()
    text.append(f"\n{suite_name(result)}: {result.fault}\n", style="bold")
    columns = width - 10
    seconds = trace.ended_at / columns
    for label, row in bands(trace, columns):
        text.append(f"{label:>8}  ")
        for band in row:
            glyph, style = _STYLES[band]
            text.append(glyph, style=style)
        text.append("\n")
    marks = [
        (trace.fault_at, "▲ fault"),
        (trace.promoted_at, f"▲ {trace.promoted_node} writable"),
        (trace.first_ack_at, "▲ first write acknowledged"),
    ]
    for at, label in marks:
        if at is not None:
            place = " " * (10 + min(columns - 1, int(at / seconds)))
            line = f"{label} {at:.1f} s"
            if len(place) + len(line) > width:  # to the left of its arrow
                line = f"{line[2:]} ▲"
                place = place[: max(0, len(place) + 1 - len(line))]
            text.append(f"{place}{line}\n")
    text.append(f"{'':>8}  0 to {trace.ended_at:.0f} s; ", style="dim")
    text.append("▁ answered within a second  ▄ later  █ failed", style="dim")
    return text


def markdown_table(results: Sequence[RunResult]) -> str:
    """The README's table: a column for each result, a row for each figure. Runs of one fault."""
    names = [suite_name(result) for result in results]
    lines = [
        f"| `{results[0].fault}`, {results[0].started_at[:10]} | {' | '.join(names)} |",
        f"|---|{'---:|' * len(names)}",
    ]
    lines += [
        f"| {label} | {' | '.join(figure(r) for r in results)} |" for label, figure, _ in FIGURES
    ]
    return "\n".join(lines) + "\n"
