"""The command `odoo-ha cron`: Odoo's own command `ha_cron`, run with odoo.conf's paths."""

from __future__ import annotations

from pathlib import Path

import click

from ha_setup.odoo_command import become


@click.command()
@click.argument("verb", type=click.Choice(["status", "step-down", "pause", "resume"]))
@click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    default=Path("/etc/odoo/odoo.conf"),
    show_default=True,
    help="odoo.conf; it says where the database is.",
)
@click.option("-d", "--database", help="Default: db_name of odoo.conf.")
@click.option("--pool", default="main", show_default=True)
@click.option("--odoo", default="odoo", show_default=True, help="The command that starts Odoo.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def cron(
    verb: str, config: Path, database: str | None, pool: str, odoo: str, as_json: bool
) -> None:
    """Show which node runs the scheduled actions, and move or pause them.

    step-down: the node that runs the pool hands it over once its actions under way have ended,
    and does not take it back for 30 s. pause: no action of the pool is started until resume.
    """
    arguments = [verb, "--pool", pool, *(["-d", database] if database else [])]
    become(odoo, config, "ha_cron", [*arguments, *["--json"] * as_json])
