"""The command ``ha-sidecar``: ``run`` (the default) and ``check``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, logs
from .check import check
from .config import CONFIG_VARIABLE, load
from .errors import ConfigError, SidecarError
from .service import run
from .settings import DECLARED

#: Exit codes: sysexits' EX_CONFIG for what a person must mend, 1 for anything else.
EX_CONFIG = 78


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog="ha-sidecar",
        description="Watches Patroni's etcd, proves the PostgreSQL primary by SQL and publishes it.",
        epilog="Each setting can also stand in the configuration file or in HA_SIDECAR_<NAME>.",
    )
    command.add_argument(
        "action", nargs="?", choices=["run", "check"], default="run",
        help="run: serve (the default); check: validate the settings and try each connection",
    )  # fmt: skip
    command.add_argument(
        "--config", metavar="FILE", type=Path, help=f"TOML file (or {CONFIG_VARIABLE})"
    )
    command.add_argument("--version", action="version", version=__version__)
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
    given = parser().parse_args(arguments)
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
        run(settings)
    except ConfigError as error:
        print(f"ha-sidecar: {error}", file=sys.stderr)
        return EX_CONFIG
    except SidecarError as error:
        print(f"ha-sidecar: {error}", file=sys.stderr)
        return 1
    return 0
