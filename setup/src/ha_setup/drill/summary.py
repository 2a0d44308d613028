"""Many runs of many faults as one table: on a terminal, as HTML, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from statistics import median

from rich.table import Table
from rich.text import Text

from ha_setup.drill.metrics import percentile
from ha_setup.drill.options import FAULTS, Fault
from ha_setup.drill.result import RunResult, SuiteState


@dataclass(frozen=True)
class Line:
    """All runs of one fault with one variant."""

    fault: str
    suite: SuiteState
    results: tuple[RunResult, ...]


def lines(results: Sequence[RunResult]) -> list[Line]:
    """One a fault and variant, in the faults' own order, the suite before stock."""
    groups: dict[tuple[str, SuiteState], list[RunResult]] = {}
    for result in results:
        groups.setdefault((result.fault, result.suite), []).append(result)
    order = [fault.value for fault in Fault]
    keys = sorted(groups, key=lambda key: (order.index(key[0]), key[1] != "on"))
    return [Line(*key, tuple(groups[key])) for key in keys]


def _total(of: Callable[[RunResult], int]) -> Callable[[Line], str]:
    return lambda line: str(sum(of(r) for r in line.results))


def _pauses(line: Line) -> str:
    pauses = [r.write_outage_s for r in line.results]
    return f"{median(pauses):.1f} / {max(pauses):.1f} s"


def _first_ack(line: Line) -> str:
    delays = [ms for r in line.results if (ms := r.writable_to_first_ack_ms) is not None]
    return f"{percentile(delays, 0.95):,.0f} ms" if delays else "-"


def _steady(line: Line) -> str:
    return (
        f"{median(r.steady_p50_ms for r in line.results):.0f} / "
        f"{median(r.steady_p99_ms for r in line.results):.0f} ms"
    )


# Heading, the figure, and whether a number other than 0 is bad news.
COLUMNS: tuple[tuple[str, Callable[[Line], str], bool], ...] = (
    ("passed", lambda n: f"{sum(r.passed for r in n.results)} / {len(n.results)}", False),
    ("requests", _total(lambda r: r.requests), False),
    ("failed", _total(lambda r: r.failed_requests), True),
    ("logouts", _total(lambda r: r.logouts), True),
    ("revived", _total(lambda r: r.revived), True),
    ("lost", _total(lambda r: r.lost_acknowledged), True),
    ("twice", _total(lambda r: r.duplicates), True),
    ("ghosts", _total(lambda r: r.ghosts), True),
    ("pause in writes, median / max", _pauses, False),
    ("writable to first write, p95", _first_ack, False),
    ("p50 / p99 before the fault", _steady, False),
)


def _who(line: Line) -> str:
    return "suite" if line.suite == "on" else "stock"


def table(results: Sequence[RunResult]) -> Table:
    """For the terminal."""
    made = Table(title="fault by fault", title_justify="left")
    made.add_column("fault", no_wrap=True)
    made.add_column("")
    for heading, _, _ in COLUMNS:
        made.add_column(heading, justify="right")
    for line in lines(results):
        cells = [
            Text(text, style="red" if is_bad and text != "0" else "")
            for _, figure, is_bad in COLUMNS
            for text in [figure(line)]
        ]
        made.add_row(line.fault, _who(line), *cells)
    return made


def markdown(results: Sequence[RunResult]) -> str:
    """For the README. What is bad news stands out."""
    head = ["fault", "", *(heading for heading, _, _ in COLUMNS)]
    rows = [f"| {' | '.join(head)} |", f"|---|---|{'---:|' * len(COLUMNS)}"]
    for line in lines(results):
        cells = [
            f"**{text}**" if is_bad and line.suite == "on" else text
            for _, figure, is_bad in COLUMNS
            for text in [figure(line)]
        ]
        rows.append(f"| `{line.fault}` | {_who(line)} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def page(results: Sequence[RunResult], failures: Sequence[str]) -> str:
    """One HTML file that needs nothing else: the table, and why runs failed or could not be carried out."""
    style = resources.files("ha_setup.drill").joinpath("page.css").read_text()
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading, _, _ in COLUMNS)
    rows = []
    for line in lines(results):
        mood = "good" if all(r.passed for r in line.results) else "poor"
        cells = "".join(
            f'<td class="{"bad" if is_bad and text != "0" else "fine"}">{escape(text)}</td>'
            for _, figure, is_bad in COLUMNS
            for text in [figure(line)]
        )
        rows.append(
            f'<tr class="{mood}"><th scope="row">{escape(line.fault)}</th><td>{_who(line)}</td>{cells}</tr>'
        )
    reasons = [
        f"<li>{escape(r.fault)} #{r.number + 1}, {_who(Line(r.fault, r.suite, ()))}, "
        f"{r.started_at[:19]}: {escape(r.verdict.removeprefix('fail: '))}</li>"
        for r in results
        if not r.passed and r.suite == "on"
    ]
    reasons += [f"<li>not carried out: {escape(line)}</li>" for line in failures]
    why = f"<h2>Why runs failed</h2><ul>{''.join(reasons)}</ul>" if reasons else ""
    faults = "".join(
        f"<dt><code>{fault.value}</code></dt><dd>{escape(FAULTS[fault].in_full)}</dd>"
        for fault in Fault
        if any(r.fault == fault.value for r in results)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>odoo-ha drill all</title><style>\n{style}</style></head><body><main>"
        f'<h1>Fault by fault</h1><p class="lead">{len(results)} runs.</p>'
        f'<div class="scroll"><table class="runs"><thead><tr><th></th><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{why}<h2>The faults</h2><dl>{faults}</dl>"
        "</main></body></html>\n"
    )
