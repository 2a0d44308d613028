"""Odoo's command ``ha_sessions``; ``odoo-ha sessions`` calls it with the configuration's paths."""

import sys
import time
from importlib import import_module
from pathlib import Path

from odoo.cli.command import Command
from odoo.tools import config

#: Odoo loads this file as a module of its own, so that nothing here is relative to the addon.
ADDON = "odoo.addons.ha_session_redis"
VERBS = {
    "count": "say how many sessions are in files and in Redis",
    "import": "have Redis take over the sessions in files; the files stay",
    "export": "write the sessions in Redis to files; Redis keeps them",
    "purge": "delete the sessions of one store, which logs their users out unless the other has them",
}


class HaSessions(Command):
    """Carry sessions between Odoo's files and Redis, so that a switch logs nobody out."""

    name = "ha_sessions"

    def run(self, arguments):
        self.parser.epilog = "\n".join(f"{verb}: {text}" for verb, text in VERBS.items())
        self.parser.add_argument("verb", choices=VERBS)
        self.parser.add_argument("store", nargs="?", choices=("files", "redis"), help="for purge")
        self.parser.add_argument("-c", "--config", required=True, help="odoo.conf")
        self.parser.add_argument("--yes", action="store_true", help="purge without a question")
        chosen = self.parser.parse_args(arguments)
        config.parse_config(["-c", chosen.config, "--no-http"], setup_logging=True)
        if chosen.verb == "purge" and not (chosen.store and chosen.yes):
            sys.exit("purge needs the store, files or redis, and --yes: it can't be undone")
        transfer = _transfer()
        failures = import_module(f"{ADDON}.connection").FAILURES
        try:
            _carry(transfer, chosen.verb, chosen.store)
        except (import_module(f"{ADDON}.errors").SessionStoreUnavailable, *failures) as error:
            reason = error.__cause__ or error
            sys.exit(f"Redis or a database does not answer, run this again when it does: {reason}")


def _carry(transfer, verb, store):
    """Do what the verb says, with a line every second and at the end."""
    if verb == "count":
        print(f"files {sum(1 for _ in transfer.files())}")  # pylint: disable=print-used
        print(f"redis {sum(1 for _ in transfer.sids())}")  # pylint: disable=print-used
        return
    steps = {
        "import": transfer.import_files,
        "export": transfer.export,
        "purge": transfer.purge_redis if store == "redis" else transfer.purge_files,
    }[verb]()
    shown = time.monotonic()
    for _ in steps:
        if time.monotonic() - shown > 1:
            shown = time.monotonic()
            _show(transfer.done)
    _show(transfer.done)


def _transfer():
    from odoo import http  # noqa: PLC0415
    from odoo.addons.ha_base.boot import post_load  # noqa: PLC0415

    post_load()  # refuses bad settings with one line
    store = http.root.session_store
    if not hasattr(store, "connection"):
        sys.exit(
            "No Redis is configured: put redis_url, redis_sentinels or redis_cluster into [ha] and "
            "ha_base into server_wide_modules"
        )
    return import_module(f"{ADDON}.transfer").Transfer(store, Path(config["data_dir"]) / "sessions")


def _show(done):
    words = ", ".join(f"{name} {number}" for name, number in sorted(done.items()))
    print(words or "nothing to do", flush=True)  # pylint: disable=print-used
