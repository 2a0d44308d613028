"""Runs the addons' own tests under pytest-odoo, with every part of the suite configured.

Usage: ``python -m tests.integration.addons [PATH…] [pytest options]``. Starts PostgreSQL, Redis
with Sentinel and SeaweedFS, installs the suite in a new database and hands over to pytest.
Paths outside ``addons/`` are not for this run; when only such are given, nothing is run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.servers.odoo import OdooServer
from tests.servers.odoo_source import REPOSITORY, SUITE_ADDONS
from tests.servers.postgres import Postgres
from tests.servers.processes import run_environment
from tests.servers.redis import RedisCluster
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import APP_ADDONS, ha_settings, secret_environment, suite_modules

CONFIGURATION = Path(__file__).with_name("addons.ini")


def split(arguments: Sequence[str]) -> tuple[list[str], list[str], bool]:
    """Return the paths below addons/, the options, and whether other paths were given."""
    paths, options, others = [], [], False
    for argument in arguments:
        path = Path(argument.split("::")[0])
        if not path.exists():
            options.append(argument)
        elif path.resolve().is_relative_to(SUITE_ADDONS):
            paths.append(argument)
        else:
            others = True
    return paths, options, others


def _holds(path: str, addon: str) -> bool:
    """Whether the path, one of this run's, is of this addon or above it."""
    given, directory = Path(path.split("::")[0]).resolve(), SUITE_ADDONS / addon
    return given.is_relative_to(directory) or directory.is_relative_to(given)


def main(arguments: Sequence[str]) -> int:
    paths, options, others = split(arguments)
    if others and not paths:
        return 0
    paths = paths or [str(path) for path in sorted(SUITE_ADDONS.glob("*/tests"))]
    with ExitStack() as running:
        postgres = running.enter_context(Postgres())
        redis = running.enter_context(RedisCluster())
        s3 = running.enter_context(SeaweedFS())
        odoo = OdooServer(
            postgres,
            "addons",
            variant="suite",
            ha=ha_settings(redis, s3),
            environment=secret_environment(s3.base, redis, s3),
            # HttpCase asks for the server on 127.0.0.1.
            options={"http_interface": "127.0.0.1", "log_level": "warn"},
        )
        apps = [name for name in APP_ADDONS if any(_holds(path, name) for path in paths)]
        odoo.install("base", "web", *suite_modules(), *apps)
        python_path = os.pathsep.join([odoo.environment["PYTHONPATH"], str(REPOSITORY)])
        command = [sys.executable, "-m", "pytest", "-c", str(CONFIGURATION), "--rootdir=."]
        command += ["-p", "tests.integration.server_wide", f"--odoo-config={odoo.configuration}"]
        command += ["--odoo-http", *options, *paths]
        environment = {
            **odoo.environment,
            "ODOO_RC": str(odoo.configuration),
            "PYTHONPATH": python_path,
        }
        return subprocess.run(
            command, env=run_environment(environment), cwd=REPOSITORY, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
