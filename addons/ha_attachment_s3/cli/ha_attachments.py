"""Odoo's command ``ha_attachments``; ``odoo-ha attachments`` calls it with odoo.conf's paths."""

import datetime
import json
import sys
import time
from importlib import import_module

from odoo.cli.command import Command
from odoo.modules.registry import Registry
from odoo.tools import config

#: Odoo loads this file as a module of its own, so that nothing here is relative to the addon.
ADDON = "odoo.addons.ha_attachment_s3"


class HaAttachments(Command):
    """Move attachments between S3, filestore and database, or audit those in S3."""

    name = "ha_attachments"

    def run(self, arguments):
        verbs = self.parser.add_subparsers(dest="verb", required=True)
        migrate = verbs.add_parser("migrate", help="move contents; run it again to go on")
        migrate.add_argument("--to", required=True, choices=("s3", "file", "db"))
        migrate.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        migrate.add_argument("--model", help="only attachments of this model's records")
        migrate.add_argument("--min-size", type=_size, default=0, help="such as 100KB")
        migrate.add_argument("--since", type=_day, help="created then or later: 2026-01-31")
        migrate.add_argument("--verify", action="store_true", help="read back what was stored")
        audit = verbs.add_parser("audit", help="compare database and bucket")
        audit.add_argument("--repair", action="store_true", help="store again, list what is left")
        audit.add_argument("--verify", action="store_true", help="read each object")
        audit.add_argument("--json", action="store_true", help="the result, for machines")
        for verb in (migrate, audit):
            verb.add_argument("--parallel", type=int, default=8, help="requests at a time")
            verb.add_argument("-c", "--config", required=True, help="odoo.conf")
            verb.add_argument("-d", "--database", help="where db_name names none, or several")
        chosen = self.parser.parse_args(arguments)
        config.parse_config(["-c", chosen.config, "--no-http"], setup_logging=True)
        registry = _open(chosen.database)
        unavailable = import_module(f"{ADDON}.errors").StorageUnavailable
        try:
            failed = (
                _migrate(registry, chosen) if chosen.verb == "migrate" else _audit(registry, chosen)
            )
        except unavailable:
            sys.stdout.flush()
            sys.stderr.write("S3 does not answer, or refuses: see the log. Run this again.\n")
            sys.exit(2)
        sys.exit(failed)


def _migrate(registry, chosen):
    """1 when attachments were left alone."""
    rows = import_module(f"{ADDON}.migration.rows")
    wanted = rows.Wanted(
        to=chosen.to,
        model=chosen.model,
        min_size=chosen.min_size,
        since=chosen.since,
        parallel=max(1, chosen.parallel),
        verify=chosen.verify,
    )
    migration = import_module(f"{ADDON}.migration.migration").Migration(registry, wanted)
    shown = time.monotonic()
    for _ in migration.survey() if chosen.dry_run else migration.run():
        if time.monotonic() - shown > 1:
            shown = time.monotonic()
            _show(migration.done)
    _show(migration.done)
    for identifier, text in migration.problems.items():
        print(f"ir.attachment {identifier}: {text}")  # pylint: disable=print-used
    return int(bool(migration.problems or migration.done["busy"]))


def _audit(registry, chosen):
    """1 when something is wrong that was not repaired."""
    audit = import_module(f"{ADDON}.audit.audit").audit
    shown = time.monotonic()
    for one in audit(
        registry,
        repair=chosen.repair,
        verify=chosen.verify,
        parallel=max(1, chosen.parallel),
    ):
        if time.monotonic() - shown > 1 and not chosen.json:
            shown = time.monotonic()
            _show(one.done)
    if chosen.json:
        result = {"counts": dict(one.done), "found": one.found, "repaired": one.repaired}
        print(json.dumps(result, indent=1))  # pylint: disable=print-used
    else:
        _show(one.done)
        for kind, names in one.found.items():
            for name in names:
                repaired = " (repaired)" if name in one.repaired else ""
                print(f"{kind}{repaired}: {name}")  # pylint: disable=print-used
    return int(one.left > 0)


def _open(database):
    """The database's registry, once everything is there that is needed."""
    from odoo.addons.ha_base.boot import post_load  # noqa: PLC0415
    from odoo.addons.ha_base.settings import current  # noqa: PLC0415

    post_load()  # refuses bad settings with one line
    if not current(import_module(f"{ADDON}.settings").Settings).s3_bucket:
        sys.exit("No bucket is configured: put s3_bucket into [ha]")
    names = [database] if database else config["db_name"]
    if len(names) != 1:
        sys.exit("Which database? Name it with -d, or one as db_name in odoo.conf")
    registry = Registry(names[0])
    if "ha.attachment.garbage" not in registry:
        sys.exit(f"The addon ha_attachment_s3 is not installed in the database {names[0]}")
    return registry


def _size(text):
    from odoo.addons.ha_base.settings import parse  # noqa: PLC0415

    return parse.size(text)


def _day(text):
    return datetime.datetime.fromisoformat(text)


def _show(done):
    words = ", ".join(f"{name} {number}" for name, number in sorted(done.items()) if number)
    print(words or "nothing to do", flush=True)  # pylint: disable=print-used
