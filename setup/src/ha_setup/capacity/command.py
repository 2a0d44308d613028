"""The command `odoo-ha capacity`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ha_setup.capacity.arithmetic import Capacity, Demand, capacity
from ha_setup.options import state_dir_option


@click.command("capacity")
@click.option("--users", type=click.IntRange(1), help="People who work at the same time.")
@click.option("--rate", type=float, help="Requests a second at the busiest time, if you know them.")
@click.option(
    "--think",
    type=float,
    default=10.0,
    show_default=True,
    help="Seconds between two requests of a user.",
)
@click.option(
    "--busy",
    type=float,
    default=0.15,
    show_default=True,
    help="Seconds that a request keeps a worker.",
)
@click.option(
    "--cpu", type=float, default=0.1, show_default=True, help="Seconds of a processor of that."
)
@click.option(
    "--cron",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Scheduled actions at the same time.",
)
@click.option(
    "--cpus",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Processors of an Odoo node.",
)
@click.option(
    "--worker-mb",
    type=click.IntRange(1),
    default=300,
    show_default=True,
    help="Memory of a worker.",
)
@click.option(
    "--utilisation",
    type=float,
    default=0.6,
    show_default=True,
    help="How much may be in use at the busiest time.",
)
@click.option(
    "--measure",
    "measured",
    is_flag=True,
    help="Measure setup/demo's cluster: predicted against measured.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@state_dir_option("With --measure: where the demonstration's cluster is.")
def command(
    users: int | None,
    rate: float | None,
    think: float,
    busy: float,
    cpu: float,
    cron: int,
    cpus: int,
    worker_mb: int,
    utilisation: float,
    measured: bool,
    as_json: bool,
    state_dir: Path,
) -> None:
    """How many nodes, workers, connections and how much memory so many users take, line by line.

    `busy` and `cpu` are what matters: take yours from HAProxy's log (Tr) and from the processors' use, with
    your modules and your data. `--measure` shows how well the arithmetic fits on this machine.
    """
    if measured:
        _measure(state_dir, as_json)
        return
    if users is None and rate is None:
        raise click.UsageError("say --users or --rate, or --measure")
    demand = Demand(
        users=users or 1, rate=rate, think=think, busy=busy, cpu=cpu, cron=cron, cpus=cpus,
        worker_mb=worker_mb, utilisation=utilisation,
    )  # fmt: skip
    try:
        found = capacity(demand)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
    else:
        show(found, Console())


def show(found: Capacity, console: Console) -> None:
    """Each line of the arithmetic."""
    table = Table("what", "how", "")
    table.columns[2].justify = "right"
    for line in found.lines:
        table.add_row(line.what, line.how, f"{line.value:,.4g} {line.unit}".strip())
    console.print(table)
    console.print(
        f"{found.nodes} Odoo nodes with workers = {found.workers_per_node},"
        f" db_maxconn = {found.db_maxconn} and {found.memory_mb_per_node / 1024:.1f} GB each;"
        f" PostgreSQL with max_connections = {found.max_connections}",
        highlight=False,
    )


def _measure(state_dir: Path, as_json: bool) -> None:
    from ha_setup.capacity.measure import measure
    from ha_setup.cluster import Cluster
    from ha_setup.doctor.places.demo import running

    found = measure(running(Cluster.open(state_dir.resolve())))
    if as_json:
        click.echo(json.dumps({**asdict(found), "ratio": found.ratio}, indent=1))
        return
    click.echo(
        f"one request alone: {found.busy * 1000:.1f} ms, {found.cpu * 1000:.1f} ms of a processor\n"
        f"predicted: the smaller of {found.workers} workers / {found.busy:.4f} s and ({found.cpus}"
        f" processors - {found.idle:.2f} in use without requests) / {found.cpu:.4f} s"
        f" = {found.predicted:.1f} requests a second\n"
        f"measured: {found.measured:.1f} requests a second ({found.requests} requests),"
        f" {found.ratio:.2f} of what was predicted"
    )
