"""The command `odoo-ha sessions`: Odoo's own command `ha_sessions`, run with odoo.conf's paths."""

from __future__ import annotations

import os
import shutil
import sys
from configparser import Error, RawConfigParser
from pathlib import Path

import click

from ha_setup.errors import SetupError


@click.command()
@click.argument("verb", type=click.Choice(["count", "import", "export", "purge"]))
@click.argument("store", type=click.Choice(["files", "redis"]), required=False)
@click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    default=Path("/etc/odoo/odoo.conf"),
    show_default=True,
    help="odoo.conf; its [ha] section says where Redis is.",
)
@click.option("--odoo", default="odoo", show_default=True, help="The command that starts Odoo.")
@click.option("--yes", is_flag=True, help="Purge without a question.")
def sessions(verb: str, store: str | None, config: Path, odoo: str, yes: bool) -> None:
    """Carry sessions between Odoo's files and Redis, so that a switch logs nobody out.

    import and export copy what the other side lacks, with the life it has left, and may be run
    again; only purge deletes. Run it as Odoo's user: the files must be Odoo's.
    """
    program = shutil.which(odoo)
    if program is None:
        raise SetupError(f"--odoo {odoo}: no such command")
    command = [program, f"--addons-path={addons_path(config)}", "ha_sessions", verb]
    command += [*([store] if store else []), *["--yes"] * yes, "-c", str(config)]
    sys.stdout.flush()
    os.execv(program, command)


def addons_path(config: Path) -> str:
    """The ``addons_path`` of an odoo.conf: Odoo looks for its commands there."""
    parser = RawConfigParser()
    try:
        parser.read(config)
    except Error as error:
        raise SetupError(f"{config}: {error}") from error
    found = parser.get("options", "addons_path", fallback="")
    if not found:
        raise SetupError(f"{config}: addons_path is missing in [options]")
    return found
