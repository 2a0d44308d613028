"""Runs every fault many times, and can be stopped and gone on with at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ha_setup.cluster import Cluster, Variant
from ha_setup.drill import campaign, summary
from ha_setup.drill.driver import Cookies, run
from ha_setup.drill.options import DrillOptions, Fault
from ha_setup.drill.page import render_page
from ha_setup.drill.result import OnOff, RunResult
from ha_setup.errors import SetupError
from ha_setup.files import write_file
from ha_setup.progress import Progress

_ATTEMPTS = 3  # at one run, before the whole is given up
# Shorter than a single drill: what comes before and after the fault is the same in every run.
_STEADY = 4.0
_AFTER = 4.0


@dataclass(frozen=True, kw_only=True)
class LongOptions:
    """How often each fault is run with the suite, and with stock Odoo (0: not at all).

    `results`: the JSON file that is gone on with. Beside it are written a page (.html), a table (.md), and
    a page with pictures of each run that failed.
    """

    results: Path
    runs: int
    stock_runs: int = 0
    sync: bool = True
    faults: tuple[Fault, ...] = tuple(Fault)


def run_all(cluster: Cluster, options: LongOptions, progress: Progress) -> campaign.Record:
    """Run what is not yet recorded. Raises SetupError when one run could not be carried out three times."""
    cookies: Cookies = {}
    record = campaign.read_record(options.results)
    wanted: dict[Variant, int] = {"suite": options.runs, "stock": options.stock_runs}
    sync: OnOff = "on" if options.sync else "off"
    left = campaign.turns(options.faults, wanted, record, sync)
    total = len(left) + len(record.results)
    try:
        while left:
            turn = left[0]
            rest = campaign.seconds_left(left, record.results)
            progress.note(f"{total - len(left)} of {total} runs are done, {_span(rest)} to go")
            for result in _carry_out(cluster, options, turn, record, progress, cookies):
                record.results.append(result)
                record.write(options.results)
                if not result.passed and result.suite == "on":
                    name = f"{options.results.stem}-{result.fault}-{result.number + 1}.html"
                    write_file(options.results.absolute().with_name(name), render_page([result]))
            left = left[1:]
    finally:
        _write_tables(options.results, record)
        cluster.use_variant("suite", progress)
    return record


def _carry_out(
    cluster: Cluster,
    options: LongOptions,
    turn: campaign.Turn,
    record: campaign.Record,
    progress: Progress,
    cookies: Cookies,
) -> Sequence[RunResult]:
    """One run. One that breaks off is written down and made again."""
    drill = DrillOptions(
        fault=turn.fault,
        first=turn.number,
        sync=options.sync,
        variants=(turn.variant,),
        steady=_STEADY,
        after=_AFTER,
    )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return run(cluster, drill, progress, cookies=cookies)
        except SetupError as problem:
            record.failures.append(
                f"{turn.fault} #{turn.number + 1}, {turn.variant}: {str(problem).splitlines()[0]}"
            )
            record.write(options.results)
            progress.note(f"this run was not carried out: {problem}")
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _write_tables(file: Path, record: campaign.Record) -> None:
    file = file.absolute()
    write_file(file.with_suffix(".html"), summary.page(record.results, record.failures))
    write_file(file.with_suffix(".md"), summary.markdown(record.results))


def _span(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"about {hours} h {minutes:02d} min" if hours else f"about {minutes} min"
