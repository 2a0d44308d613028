"""The command `odoo-ha doctor`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from ha_setup.errors import SetupError
from ha_setup.options import state_dir_option

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("inventory", type=_FILE, required=False)
@click.option("-c", "--config", type=_FILE, help="odoo.conf of this node, instead of an inventory.")
@click.option("--sidecar", type=_FILE, help="With --config: the sidecar's file (sidecar.toml).")
@click.option("--url", help="With --config: where users arrive, such as https://odoo.example.com.")
@click.option(
    "--rpo", type=click.IntRange(0), help="With --config: what a crash may cost, in bytes."
)
@click.option(
    "--through",
    metavar="COMMAND",
    help="How commands are run on the inventory's hosts: 'ssh root@{address}'.",
)
@click.option(
    "--secrets",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="A directory with the inventory's secrets, by name; else they are read where it says.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@state_dir_option("Where the demonstration's cluster is.")
@click.pass_context
def doctor(
    context: click.Context,
    inventory: Path | None,
    config: Path | None,
    sidecar: Path | None,
    url: str | None,
    rpo: int | None,
    through: str | None,
    secrets: Path | None,
    as_json: bool,
    state_dir: Path,
) -> None:
    """Look at a cluster and say what is not as it should be, why that matters, and what to do.

    \b
    odoo-ha doctor                        the cluster that setup/demo left up
    odoo-ha doctor cluster.yml --through 'ssh root@{address}'
                                          the cluster of an inventory; run it on an Odoo node, as root
    odoo-ha doctor --config odoo.conf --sidecar sidecar.toml
                                          what one node sees; run it there, as root

    Nothing is changed: an object is written into the bucket and removed again. Exit code 0: all is
    well; 1: something isn't, or could not be seen; 2: nothing could be looked at.
    """
    from ha_setup.doctor.look import look_at
    from ha_setup.doctor.report import BLIND, answers, exit_code, show, to_json

    if inventory and config:
        raise click.UsageError("name an inventory or --config, not both")
    if not config and (sidecar or url or rpo is not None):
        raise click.UsageError("--sidecar, --url and --rpo are for --config")
    if not inventory and (through or secrets):
        raise click.UsageError("--through and --secrets are for an inventory")
    try:
        if inventory:
            from ha_setup.doctor.places import inventory as inventories
            from ha_setup.inventory import read

            target = inventories.target(read(inventory), secrets=secrets, through=through)
        elif config:
            from ha_setup.doctor.places import node

            target = node.target(config, sidecar, rpo=rpo, url=url)
        else:
            from ha_setup.cluster import Cluster
            from ha_setup.doctor.places import demo

            target = demo.target(demo.running(Cluster.open(state_dir.resolve())))
    except SetupError as problem:
        click.echo(f"odoo-ha: {problem}", err=True)
        context.exit(BLIND)
    seen = look_at(target)
    found = answers(seen)
    code = exit_code(found, seen)
    if as_json:
        click.echo(to_json(found, target.title, code))
    else:
        show(found, target.title, seen, Console())
    context.exit(code)
