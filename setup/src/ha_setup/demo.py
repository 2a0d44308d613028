"""The demonstration: install, bring up, put users on it, kill the primary, report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ha_setup import parts
from ha_setup.cluster import Cluster, Network, Pooler, Variant
from ha_setup.drill import DrillOptions, Fault, RunResult, print_report, run, to_json
from ha_setup.drill.page import render_page
from ha_setup.errors import PreflightError, SetupError
from ha_setup.files import write_file
from ha_setup.locks import demo_lock, locked
from ha_setup.progress import Progress
from ha_setup.signals import interruptible, uninterrupted


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What the demonstration was asked for. `None` leaves an existing cluster's shape as it is."""

    state_dir: Path
    small: bool | None = None
    block: int | None = None
    once: bool = False
    synchronous: bool = True
    compare_stock: bool = False
    network: Network | None = None
    pooler: Pooler | None = None
    json_file: Path | None = None
    html_file: Path | None = None

    @property
    def variants(self) -> tuple[Variant, ...]:
        return ("suite", "stock") if self.compare_stock else ("suite",)


def demonstrate(options: DemoOptions, progress: Progress, console: Console) -> bool:
    """Run the demonstration; True when users of the suite noticed no error.

    Leaves the cluster up unless `once`. Interrupted or broken off, it leaves no process behind.
    """
    started = time.monotonic()
    cluster = Cluster.open(
        options.state_dir,
        block=options.block,
        small=options.small,
        network=options.network,
        pooler=options.pooler,
    )
    with interruptible(cluster.give_up), locked(demo_lock(options.state_dir)):
        try:
            results = _perform(cluster, options, progress)
        except PreflightError:
            raise  # nothing was started; what runs already is left alone
        except BaseException:
            with uninterrupted():
                cluster.down(progress)
            raise
        html, figures = _write_reports(options, cluster, results)
        if options.once:
            cluster.down(progress)
    print_report(results, console)
    console.print(
        f"\nthe whole demonstration took {time.monotonic() - started:.0f} s", highlight=False
    )
    console.print(f"report: {html}\nfigures: {figures}", soft_wrap=True, highlight=False)
    if not options.once:
        print_addresses(cluster, console)
    return all(result.passed for result in results if result.suite == "on")


def _perform(cluster: Cluster, options: DemoOptions, progress: Progress) -> list[RunResult]:
    with progress.step("look at this machine"):
        cluster.check()
    with progress.step("parts"):
        parts.install(options.state_dir, progress)
    with progress.step("cluster"):
        cluster.up(progress, variants=("suite",))
        if cluster.variant != "suite":
            cluster.use_variant("suite", progress)
    write_logins(cluster)
    drill = DrillOptions(
        fault=Fault.KILL_PRIMARY, sync=options.synchronous, variants=options.variants
    )
    with progress.step("drill: kill the primary's host"):
        return run(cluster, drill, progress)


def _write_reports(
    options: DemoOptions, cluster: Cluster, results: list[RunResult]
) -> tuple[Path, Path]:
    html = options.html_file or cluster.layout.directory / "report.html"
    figures = options.json_file or cluster.layout.directory / "report.json"
    write_file(html.absolute(), render_page(results))
    write_file(figures.absolute(), to_json(results))
    return html.absolute(), figures.absolute()


def take_down(state_dir: Path, progress: Progress, *, purge: bool) -> None:
    """End every process of the demonstration's cluster; `purge` removes its data too."""
    if not (state_dir / "demo").exists():
        progress.note(f"there is no demonstration in {state_dir}")
        return
    cluster = Cluster.open(state_dir)
    with locked(demo_lock(state_dir)):
        cluster.down(progress)
        if purge:
            with progress.step("remove the cluster's data"):
                cluster.purge()


def show_status(state_dir: Path, console: Console) -> bool:
    """Print each node's state and the addresses; True when all is up."""
    cluster = Cluster.open(state_dir)
    table = Table("node", "address", "state")
    states = cluster.status()
    colors = {"running": "green", "frozen": "yellow", "down": "red"}
    for name, state in states.items():
        table.add_row(name, cluster.layout.node(name).host.address, f"[{colors[state]}]{state}[/]")
    console.print(table)
    if not cluster.is_up():
        console.print(
            "the demonstration is not up"
            if set(states.values()) == {"down"}
            else "not all nodes are up"
        )
        return False
    try:
        cluster.enter()
        console.print(f"primary: {cluster.primary(timeout=3.0)}", highlight=False)
    except SetupError as problem:
        console.print(f"primary: none ({problem})", highlight=False)
        return False
    print_addresses(cluster, console)
    return True


def logins_file(cluster: Cluster) -> Path:
    return cluster.layout.secrets_dir / "logins.txt"


def write_logins(cluster: Cluster) -> None:
    """Who may log in, in a file that only its owner reads."""
    accounts = [cluster.admin(), *cluster.users()]
    text = "".join(f"{login} {password}\n" for login, password in accounts)
    write_file(logins_file(cluster), text, mode=0o600)


def print_addresses(cluster: Cluster, console: Console) -> None:
    layout = cluster.layout
    if layout.network == "namespaces":
        console.print(
            f"These addresses are in the network namespace {cluster.hub}; for a shell in it, as root:\n"
            f"         nsenter --net=/run/netns/{cluster.hub}",
            soft_wrap=True,
            highlight=False,
        )
    console.print(
        f"Odoo:    {layout.base_url(cluster.variant)}/odoo\n"
        f"login:   admin or demo1, with the password in {logins_file(cluster)}\n"
        f"HAProxy: {layout.stats_url}\n"
        f"more:    setup/odoo-ha drill FAULT  breaks it in other ways\n"
        f"         setup/demo status          shows each node\n"
        f"         setup/demo down            ends it",
        soft_wrap=True,
        highlight=False,
    )
