"""The command `odoo-ha`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from ha_setup.drill.command import drill
from ha_setup.errors import SetupError
from ha_setup.progress import Progress

state_dir_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/var/tmp/odoo-ha"),
    show_default=True,
    envvar="HA_STATE_DIR",
    help="Where everything is kept: downloads, data, logs.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Odoo that stays up: bring up a highly available cluster on this machine, break it, measure it."""


cli.add_command(drill)


@cli.group()
def parts() -> None:
    """What the cluster is made of."""


@parts.command("install")
@state_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print where everything is, as JSON.")
def parts_install(state_dir: Path, as_json: bool) -> None:
    """Install what is missing: Odoo 19, PostgreSQL, Patroni, etcd, Redis, SeaweedFS, HAProxy."""
    from ha_setup.parts import install

    installed = install(state_dir.resolve(), Progress())
    if as_json:
        click.echo(json.dumps({name: str(value) for name, value in asdict(installed).items()}))


def main() -> None:
    """Entry point: errors of ours are one message, without a traceback."""
    try:
        cli(standalone_mode=False)
    except SetupError as problem:
        click.echo(f"odoo-ha: {problem}", err=True)
        sys.exit(1)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("odoo-ha: interrupted", err=True)
        sys.exit(130)
