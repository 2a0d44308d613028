"""The command ``ha-sidecar``: ``run`` (the default), ``check``, ``switchover``, ``drain``, ``undrain``,
``alerts``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, logs
from .alerts.command import USAGE, alerts
from .check import check
from .config import CONFIG_VARIABLE, load
from .drain import switch
from .errors import ConfigError, SidecarError
from .node import Switch
from .service import run
from .settings import DECLARED
from .switchover import switchover

#: Exit codes: sysexits' EX_CONFIG for what a person must mend, 1 for anything else.
EX_CONFIG = 78


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog="ha-sidecar",
        description="Watches Patroni's etcd, proves the PostgreSQL primary by SQL and publishes it.",
        epilog="Each setting can also stand in the configuration file or in HA_SIDECAR_<NAME>.",
    )
    command.add_argument(
        "action", nargs="?",
        choices=["run", "check", "switchover", "drain", "undrain", "alerts"],
        default="run",
        help="run: serve (the default); check: validate the settings and try each connection;"
        " switchover: make another member the primary, while every node holds;"
        " drain, undrain: take this node out of the balancers, and back; " + USAGE,
    )  # fmt: skip
    command.add_argument("words", nargs="*", metavar="…", help="what `alerts` is to do")
    command.add_argument(
        "--config", metavar="FILE", type=Path, help=f"TOML file (or {CONFIG_VARIABLE})"
    )
    command.add_argument("--version", action="version", version=__version__)
    planned = command.add_argument_group("switchover")
    planned.add_argument(
        "--candidate", metavar="NAME", help="the member to promote (default: the fittest)"
    )
    planned.add_argument(
        "--force", action="store_true",
        help="go on though transactions are open for long, or no sidecar is there to hold",
    )  # fmt: skip
    planned.add_argument("--json", action="store_true", help="print how it ended, as JSON")
    command.add_argument(
        "--maintenance", action="store_true",
        help="with drain: HAProxy's maint, which takes the sessions it keeps on this node away too",
    )  # fmt: skip
    settings = command.add_argument_group("settings")
    for name, declared in DECLARED.items():
        settings.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"set_{name}",
            metavar="VALUE",
            help=declared.metadata["about"].replace("%", "%%"),
        )
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    command = parser()
    given = command.parse_args(arguments)
    if given.action != "switchover" and (given.candidate or given.force or given.json):
        command.error("--candidate, --force and --json are for `ha-sidecar switchover`")
    if given.words and given.action != "alerts":
        command.error(f"unrecognized arguments: {' '.join(given.words)}")
    if given.maintenance and given.action != "drain":
        command.error("--maintenance is for `ha-sidecar drain`")
    flags = {
        name: value for name in DECLARED if (value := getattr(given, f"set_{name}")) is not None
    }
    file = given.config
    if file is None and os.environ.get(CONFIG_VARIABLE):
        file = Path(os.environ[CONFIG_VARIABLE])
    try:
        settings = load(file, os.environ, flags)
        logs.configure(settings.log_level, settings.log_format)
        if given.action == "check":
            return check(settings, sys.stdout)
        if given.action == "switchover":
            return switchover(
                settings, candidate=given.candidate, force=given.force, as_json=given.json
            )
        if given.action == "drain":
            return switch(settings, Switch.MAINT if given.maintenance else Switch.DRAIN)
        if given.action == "alerts":
            return alerts(settings, given.words, sys.stdout)
        if given.action == "undrain":
            return switch(settings, Switch.OFF)
        run(settings)
    except ConfigError as error:
        print(f"ha-sidecar: {error}", file=sys.stderr)
        return EX_CONFIG
    except SidecarError as error:
        print(f"ha-sidecar: {error}", file=sys.stderr)
        return 1
    return 0
