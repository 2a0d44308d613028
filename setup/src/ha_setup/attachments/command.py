"""The command `odoo-ha attachments`: Odoo's own command `ha_attachments`, run with odoo.conf's paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ha_setup.odoo_command import become

Decorated = Callable[..., Any]


def where(command: Decorated) -> Decorated:
    """The options that say which Odoo and which database."""
    options = [
        click.option(
            "-c",
            "--config",
            type=click.Path(dir_okay=False, exists=True, path_type=Path),
            default=Path("/etc/odoo/odoo.conf"),
            show_default=True,
            help="odoo.conf; its [ha] section says where S3 is.",
        ),
        click.option("-d", "--database", help="Where db_name in odoo.conf names none, or several."),
        click.option(
            "--odoo", default="odoo", show_default=True, help="The command that starts Odoo."
        ),
        click.option(
            "--parallel",
            type=click.IntRange(1, 64),
            default=8,
            show_default=True,
            help="Requests to S3 at the same time.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def attachments() -> None:
    """Move attachments between S3, filestore and database, and audit those in S3.

    Run it as Odoo's user, on a node that has the filestore, while people work.
    """


@attachments.command()
@click.option("--to", type=click.Choice(["s3", "file", "db"]), required=True)
@click.option("--dry-run", is_flag=True, help="Count, and change nothing.")
@click.option("--model", help="Only attachments of this model's records.")
@click.option("--min-size", metavar="SIZE", help="Only those of this size or more: 100KB.")
@click.option("--since", metavar="DATE", help="Only those created then or later: 2026-01-31.")
@click.option("--verify", is_flag=True, help="Read back what was stored before it is relied upon.")
@where
def migrate(
    to: str,
    dry_run: bool,
    model: str | None,
    min_size: str | None,
    since: str | None,
    verify: bool,
    config: Path,
    database: str | None,
    odoo: str,
    parallel: int,
) -> None:
    """Move contents in batches, each verified; run it again to go on after any end.

    To s3, the rules in Odoo's Settings say what stays elsewhere. What was left behind is kept for
    the grace period (s3_garbage_grace). New attachments go where the system parameter
    ir_attachment.location says (file, db, s3), without it to the bucket. Exit code 1: some were
    left alone, for the reasons that are printed; 2: S3 does not answer.
    """
    arguments = ["migrate", "--to", to, *["--dry-run"] * dry_run, *["--verify"] * verify]
    for name, value in (("--model", model), ("--min-size", min_size), ("--since", since)):
        arguments += [name, value] if value else []
    become(odoo, config, "ha_attachments", [*arguments, *_common(database, parallel)])


@attachments.command()
@click.option(
    "--repair",
    is_flag=True,
    help="Store again what the node's cache, the replica, the filestore or the database still "
    "has, and put what nothing refers to on the checklist of garbage.",
)
@click.option("--verify", is_flag=True, help="Read each object instead of trusting its size.")
@click.option("--json", "as_json", is_flag=True, help="The result, for machines.")
@where
def audit(
    repair: bool,
    verify: bool,
    as_json: bool,
    config: Path,
    database: str | None,
    odoo: str,
    parallel: int,
) -> None:
    """Say which objects are missing, damaged or left over in the bucket.

    Exit code 0: all is well, or was repaired; 1: something is wrong; 2: S3 does not answer.
    """
    arguments = ["audit", *["--repair"] * repair, *["--verify"] * verify, *["--json"] * as_json]
    become(odoo, config, "ha_attachments", [*arguments, *_common(database, parallel)])


def _common(database: str | None, parallel: int) -> list[str]:
    return ["--parallel", str(parallel), *(["-d", database] if database else [])]
