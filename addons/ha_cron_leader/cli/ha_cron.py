"""Odoo's command ``ha_cron``; ``odoo-ha cron`` calls it with the configuration's paths."""

import json
import sys
from importlib import import_module

import psycopg2
from odoo import sql_db
from odoo.cli.command import Command
from odoo.tools import config

#: Odoo loads this file as a module of its own, so that nothing here is relative to the addon.
ADDON = "odoo.addons.ha_cron_leader"
VERBS = {
    "status": "who runs the scheduled actions, since when and why; how the nodes fared; what is late",
    "step-down": "the node that runs a pool hands it over once its actions under way have ended",
    "pause": "start no scheduled action of a pool any more",
    "resume": "start them again",
}


class HaCron(Command):
    """Show and move the leases of the scheduled actions."""

    name = "ha_cron"

    def run(self, arguments):
        self.parser.epilog = "\n".join(f"{verb}: {text}" for verb, text in VERBS.items())
        self.parser.add_argument("verb", choices=VERBS)
        self.parser.add_argument("-c", "--config", required=True, help="odoo.conf")
        self.parser.add_argument("-d", "--database", help="default: db_name of odoo.conf")
        self.parser.add_argument("--pool", default="main")
        self.parser.add_argument("--json", action="store_true")
        chosen = self.parser.parse_args(arguments)
        config.parse_config(["-c", chosen.config, "--no-http"], setup_logging=True)
        names = [chosen.database] if chosen.database else config["db_name"]
        if not names:
            sys.exit("Name the database with --database: db_name is not set in odoo.conf")
        try:
            found = [_in(name, chosen.verb, chosen.pool) for name in names]
        except psycopg2.errors.UndefinedTable:
            sys.exit("The app ha_cron_leader is not installed in this database")
        except psycopg2.errors.UndefinedColumn:
            sys.exit("Upgrade the app ha_cron_leader in this database: odoo -u ha_cron_leader")
        except psycopg2.OperationalError as error:
            sys.exit(f"The database does not answer: {str(error).strip()}")
        if chosen.json:
            print(json.dumps(found, indent=1))  # pylint: disable=print-used
            return
        report = import_module(f"{ADDON}.report")
        for one in found:
            print("\n".join(report.lines(one)))  # pylint: disable=print-used


def _in(database, verb, pool):
    report = import_module(f"{ADDON}.report")
    with sql_db.db_connect(database).cursor() as cr:
        if verb != "status":
            if not report.act(cr, verb, pool):
                sys.exit(f"{database}: no node leads the pool {pool}")
            cr.commit()  # pylint: disable=invalid-commit
            _tell_nodes(database)
        return report.status(cr)


def _tell_nodes(database):
    """Let the keepers look now, not a few seconds later."""
    channel = import_module(f"{ADDON}.presence").CHANNEL
    with sql_db.db_connect("postgres").cursor() as cr:
        cr.execute("SELECT pg_notify(%s, %s)", [channel, database])
