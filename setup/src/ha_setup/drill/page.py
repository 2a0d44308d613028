"""The report as one HTML file that needs nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from statistics import median

from ha_setup.drill.chart import draw
from ha_setup.drill.options import Fault
from ha_setup.drill.report import FIGURES, suite_name
from ha_setup.drill.result import RunResult

_WIDE = (1040, 340)
_NARROW = (400, 340)


def render_page(results: Sequence[RunResult]) -> str:
    """Figures side by side and a picture of each variant's most telling run: the first that failed, else the
    first. All pictures share one time axis. Raises ValueError without a result."""
    if not results:
        raise ValueError("a page needs at least one run")
    chosen = [_most_telling(group) for group in _by_variant(results)]
    first = results[0]
    title = f"odoo-ha drill: {first.fault}"
    style = resources.files("ha_setup.drill").joinpath("page.css").read_text()
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>\n{style}</style></head><body><main>",
        f"<h1>{escape(first.fault)}</h1>",
        f'<p class="lead">{escape(_lead(first))}</p>',
        *_tiles(chosen),
        *_pictures(chosen),
        '<h2>Figures</h2><div class="scroll">',
        *_figures(chosen),
        "</div>",
        *(_all_runs(results) if len(results) > len(chosen) else ()),
        *_reasons(results),
        _HOW,
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


_HOW = """<h2>How this was measured</h2>
<p>Ten logged-in users on a real cluster. Each request starts at a moment that was drawn before the run and is
not put off by slow answers; its latency counts from that moment. Each write carries a unique token; after the
run, what the clients were told is compared with the final primary and every replica. A ghost is a row whose
client was told that it failed.</p>"""


def _by_variant(results: Sequence[RunResult]) -> list[list[RunResult]]:
    names = dict.fromkeys(result.suite for result in results)
    return [[result for result in results if result.suite == name] for name in names]


def _most_telling(group: Sequence[RunResult]) -> RunResult:
    return next((result for result in group if not result.passed), group[0])


def _lead(result: RunResult) -> str:
    about = Fault(result.fault).about
    started = result.started_at[:16].replace("T", " ")
    return f"{about[0].upper()}{about[1:]}. Synchronous replication {result.sync}. {started} UTC."


def _mood(result: RunResult) -> str:
    return "good" if result.passed else "poor"


def _word(result: RunResult) -> str:
    return "pass" if result.passed else "fail"


def _alarm(bad: bool) -> str:
    return "bad" if bad else "fine"


def _tiles(chosen: Sequence[RunResult]) -> Iterable[str]:
    """What a reader wants to know first."""
    yield '<div class="tiles">'
    for result in chosen:
        yield (
            f'<section class="tile {_mood(result)}"><h2>{escape(suite_name(result))}'
            f'<span class="verdict">{_word(result)}</span></h2><dl>'
            f"<div><dt>failed requests</dt><dd>{result.failed_requests}<small> of {result.requests}</small></dd></div>"
            f"<div><dt>users logged out</dt><dd>{result.logouts}</dd></div>"
            f"<div><dt>pause in writes</dt><dd>{result.write_outage_s:.1f}<small> s</small></dd></div>"
            "</dl></section>"
        )
    yield "</div>"


def _pictures(chosen: Sequence[RunResult]) -> Iterable[str]:
    seconds = max(result.trace.ended_at for result in chosen)
    yield (
        '<p class="legend"><span class="key write"></span>write <span class="key read"></span>read '
        '<span class="key page"></span>page <span class="key bad">&#215;</span>failed '
        '<span class="key outage"></span>no writable primary</p>'
    )
    for result in chosen:
        name = suite_name(result)
        yield f"<figure><figcaption>{escape(name)}: how long each request took</figcaption>"
        for kind, (width, height) in (("wide", _WIDE), ("narrow", _NARROW)):
            picture = draw(
                result.trace,
                title=f"{name}: latency of each request over time",
                width=width,
                height=height,
                seconds=seconds,
            )
            yield f'<div class="{kind}">{picture}</div>'
        yield "</figure>"


def _figures(chosen: Sequence[RunResult]) -> Iterable[str]:
    names = "".join(f'<th scope="col">{escape(suite_name(result))}</th>' for result in chosen)
    yield f'<table><thead><tr><th scope="col"></th>{names}</tr></thead><tbody>'
    for label, figure, is_bad in FIGURES:
        cells = "".join(
            f'<td class="{_alarm(is_bad(result))}">{escape(figure(result))}</td>'
            for result in chosen
        )
        yield f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>'
    yield "</tbody></table>"


_COLUMNS = (
    "started",
    "variant",
    "verdict",
    "failed",
    "logouts",
    "revived",
    "lost",
    "twice",
    "ghosts",
    "write pause",
    "first write after",
)


def _all_runs(results: Sequence[RunResult]) -> Iterable[str]:
    yield '<h2>All runs</h2><div class="scroll"><table class="runs"><thead><tr>'
    yield "".join(f'<th scope="col">{column}</th>' for column in _COLUMNS) + "</tr></thead><tbody>"
    for r in results:
        delay = (
            "-" if r.writable_to_first_ack_ms is None else f"{r.writable_to_first_ack_ms:,.0f} ms"
        )
        cells = (
            r.started_at[11:19],
            suite_name(r),
            _word(r),
            f"{r.failed_requests} / {r.requests}",
            *(str(n) for n in (r.logouts, r.revived, r.lost_acknowledged, r.duplicates, r.ghosts)),
            f"{r.write_outage_s:.1f} s",
            delay,
        )
        row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        yield f'<tr class="{_mood(r)}">{row}</tr>'
    yield "</tbody></table></div>"
    for group in _by_variant(results):
        passed = sum(result.passed for result in group)
        pause = median(result.write_outage_s for result in group)
        yield (
            f"<p>{escape(suite_name(group[0]))}: {passed} of {len(group)} runs passed; "
            f"median pause in writes {pause:.1f} s.</p>"
        )


def _reasons(results: Sequence[RunResult]) -> Iterable[str]:
    failed = [result for result in results if not result.passed]
    if failed:
        yield "<h2>Why runs failed</h2><ul>"
        for r in failed:
            yield f"<li>{escape(suite_name(r))}, {r.started_at[11:19]}: {escape(r.verdict.removeprefix('fail: '))}</li>"
        yield "</ul>"
