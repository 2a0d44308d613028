"""The command `odoo-ha drill`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ha_setup.drill.options import FAULTS, Fault, faults_for
from ha_setup.options import state_dir_option

if TYPE_CHECKING:
    from ha_setup.cluster import Cluster
    from ha_setup.drill.long_suite import LongOptions
    from ha_setup.drill.options import DrillOptions

_ALL = "all"
_FAULTS = "\n".join(f"  {fault.value:<22} {FAULTS[fault].in_full}" for fault in Fault)


def _writable_file(_: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Refuse now what could not be written after minutes of work."""
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(
            f"the directory {value.absolute().parent} does not exist", param=parameter
        )
    return value


@click.command("drill", epilog=f"\b\nFaults:\n{_FAULTS}")
@click.argument(
    "fault", type=click.Choice([*(fault.value for fault in Fault), _ALL]), metavar="FAULT"
)
@click.option(
    "--runs", type=click.IntRange(1, 100), default=1, show_default=True, help="How many runs."
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_writable_file,
    help="Write the figures there: an array, one object a run. With `all`: the file to go on with.",
)
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_writable_file,
    help="Write a page with pictures there.",
)
@click.option(
    "--sync",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Synchronous replication. Off, a crash may lose what was acknowledged just before it.",
)
@click.option(
    "--compare",
    type=click.Choice(["stock"]),
    help="Then the same on the same cluster without the suite; both side by side.",
)
@click.option(
    "--stock-runs",
    type=click.IntRange(1, 100),
    help="With `all --compare stock`: how many runs without the suite, if not as many.",
)
@click.option("--again", is_flag=True, help="With `all`: forget the runs of before.")
@state_dir_option("The state directory that the cluster was set up in.")
def drill(
    fault: str,
    runs: int,
    json_file: Path | None,
    html_file: Path | None,
    sync: str,
    compare: str | None,
    stock_runs: int | None,
    again: bool,
    state_dir: Path,
) -> None:
    """Put users on the cluster, inject FAULT, and measure what they notice.

    The cluster must be up (see `odoo-ha demo`); it is healed afterwards. The exit status is 0 only if every
    run with the suite passes.

    FAULT `all` runs every fault, --runs times each, keeps the results as they come, and goes on where it was
    stopped.
    """
    from ha_setup.cluster import Cluster
    from ha_setup.drill import DrillOptions
    from ha_setup.drill.long_suite import LongOptions
    from ha_setup.errors import ClusterError
    from ha_setup.locks import demo_lock, locked
    from ha_setup.progress import Progress
    from ha_setup.signals import interruptible

    state_dir = state_dir.resolve()
    cluster = Cluster.open(state_dir)
    if not cluster.is_partly_up():
        raise ClusterError(
            f"the cluster in {state_dir} is not up: run setup/demo first, it leaves it up"
        )
    with interruptible(cluster.give_up), locked(demo_lock(state_dir)):
        if not cluster.is_up():
            with Progress().step("healing what an earlier drill left broken"):
                cluster.heal()
        if fault == _ALL:
            results = json_file or cluster.layout.directory / "drill-all.json"
            if again:
                results.unlink(missing_ok=True)
            passed = _all(
                cluster,
                LongOptions(
                    results=results,
                    runs=runs,
                    stock_runs=(stock_runs or runs) if compare else 0,
                    sync=sync == "on",
                    faults=faults_for(cluster.layout),
                ),
            )
        else:
            options = DrillOptions(
                fault=Fault(fault),
                runs=runs,
                sync=sync == "on",
                variants=("suite", "stock") if compare else ("suite",),
            )
            passed = _one(cluster, options, json_file, html_file)
    sys.exit(0 if passed else 1)


def _one(
    cluster: Cluster, options: DrillOptions, json_file: Path | None, html_file: Path | None
) -> bool:
    """One fault; True when every run with the suite passed."""
    from ha_setup.drill import RunResult, print_report, run, to_json
    from ha_setup.drill.page import render_page
    from ha_setup.progress import Progress

    kept: list[RunResult] = []

    def keep(result: RunResult) -> None:
        kept.append(result)
        if json_file:
            json_file.write_text(to_json(kept))
        if html_file:
            html_file.write_text(render_page(kept))

    results = run(cluster, options, Progress(), keep)
    print_report(results)
    for what, file in (("figures", json_file), ("pictures", html_file)):
        if file:
            click.echo(f"{what}: {file.absolute()}")
    return all(result.passed for result in results if result.suite == "on")


def _all(cluster: Cluster, options: LongOptions) -> bool:
    """Every fault; True when every run with the suite passed."""
    from rich.console import Console

    from ha_setup.drill.long_suite import run_all
    from ha_setup.drill.summary import table
    from ha_setup.progress import Progress

    progress = Progress()
    for fault in Fault:
        if fault not in options.faults:
            progress.note(f"left out on this cluster: {fault.value}, {FAULTS[fault].needs_words}")
    record = run_all(cluster, options, progress)
    Console().print(table(record.results))
    for failure in record.failures:
        click.echo(f"not carried out: {failure}")
    stem = options.results.absolute().with_suffix("")
    click.echo(f"figures: {stem}.json\ntable: {stem}.html, {stem}.md")
    return all(result.passed for result in record.results if result.suite == "on")
