"""The command `odoo-ha`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from ha_setup.attachments.command import attachments
from ha_setup.capacity.command import command as capacity
from ha_setup.cluster.layout import NETWORKS, POOLERS, Network, Pooler
from ha_setup.cron.command import cron
from ha_setup.doctor.command import doctor
from ha_setup.drill.command import drill
from ha_setup.options import state_dir_option
from ha_setup.progress import Progress
from ha_setup.render.command import command as render
from ha_setup.rollout.command import command as rollout
from ha_setup.sessions.command import sessions

_state_dir = state_dir_option("Where everything is kept: downloads, data, logs.")


def _in_a_directory(
    _: click.Context, parameter: click.Parameter, value: Path | None
) -> Path | None:
    """Refuse now what could not be written after minutes of work."""
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(
            f"the directory {value.absolute().parent} does not exist", param=parameter
        )
    return value


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Odoo that stays up: bring up a highly available cluster on this machine, break it, measure it."""


@cli.group()
def parts() -> None:
    """What the cluster is made of."""


@parts.command("install")
@_state_dir
@click.option("--json", "as_json", is_flag=True, help="Print where everything is, as JSON.")
def parts_install(state_dir: Path, as_json: bool) -> None:
    """Install what is missing: Odoo 19, PostgreSQL, Patroni, etcd, Redis, SeaweedFS, HAProxy.

    With ODOO_SOURCE=DIR in the environment your own Odoo 19 is used.
    """
    from ha_setup.parts import install

    installed = install(state_dir.resolve(), Progress())
    if as_json:
        click.echo(json.dumps({name: str(value) for name, value in asdict(installed).items()}))


@cli.group(invoke_without_command=True)
@_state_dir
@click.option("--small", is_flag=True, default=None, help="One etcd instead of three.")
@click.option(
    "--block", type=click.IntRange(1, 254), help="Use addresses 127.19.BLOCK.x (1 if not told)."
)
@click.option(
    "--network",
    type=click.Choice(NETWORKS),
    help="Where the hosts are: on loopback (if not told), or, as root, each in a network namespace.",
)
@click.option(
    "--pooler",
    type=click.Choice(POOLERS),
    help="Put a PgBouncer beside each Odoo node, pooling in that way (none if not told).",
)
@click.option("--once", is_flag=True, help="Take the cluster down at the end.")
@click.option(
    "--sync",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Synchronous replication.",
)
@click.option(
    "--compare",
    type=click.Choice(["stock"]),
    help="Then the same without the suite; both side by side.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_in_a_directory,
    help="Write the figures there.",
)
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_in_a_directory,
    help="Write the report with pictures there.",
)
@click.pass_context
def demo(
    context: click.Context,
    state_dir: Path,
    small: bool | None,
    block: int | None,
    network: Network | None,
    pooler: Pooler | None,
    once: bool,
    sync: str,
    compare: str | None,
    json_file: Path | None,
    html_file: Path | None,
) -> None:
    """Bring up a cluster, kill its primary under load, show what users saw.

    The exit status is 0 when they saw no error. With ODOO_SOURCE=DIR in the environment your own
    Odoo 19 is used.
    """
    context.obj = state_dir.resolve()
    if context.invoked_subcommand is not None:
        return
    from ha_setup.demo import DemoOptions, demonstrate

    passed = demonstrate(
        DemoOptions(
            state_dir=context.obj,
            small=small,
            block=block,
            network=network,
            pooler=pooler,
            once=once,
            synchronous=sync == "on",
            compare_stock=compare is not None,
            json_file=json_file,
            html_file=html_file,
        ),
        Progress(),
        Console(),
    )
    context.exit(0 if passed else 1)


@demo.command("down")
@_state_dir
@click.option("--purge", is_flag=True, help="Remove the cluster's data too; downloads stay.")
def demo_down(state_dir: Path, purge: bool) -> None:
    """End the cluster; nothing is left running."""
    from ha_setup.demo import take_down

    take_down(state_dir.resolve(), Progress(), purge=purge)


@demo.command("status")
@_state_dir
@click.pass_context
def demo_status(context: click.Context, state_dir: Path) -> None:
    """Show each node, and where to look."""
    from ha_setup.demo import show_status

    context.exit(0 if show_status(state_dir.resolve(), Console()) else 1)


cli.add_command(drill)
cli.add_command(sessions)
cli.add_command(cron)
cli.add_command(attachments)
cli.add_command(render)
cli.add_command(doctor)
cli.add_command(capacity)
cli.add_command(rollout)
