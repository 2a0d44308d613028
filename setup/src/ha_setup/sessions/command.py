"""The command `odoo-ha sessions`: Odoo's own command `ha_sessions`, run with odoo.conf's paths."""

from __future__ import annotations

from pathlib import Path

import click

from ha_setup.odoo_command import become


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
    arguments = [verb, *([store] if store else []), *["--yes"] * yes]
    become(odoo, config, "ha_sessions", arguments)
