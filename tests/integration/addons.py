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
from tests.servers.suite import (
    APP_ADDONS,
    DASHBOARD,
    ha_settings,
    secret_environment,
    suite_modules,
)

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


def by_database(paths: Sequence[str]) -> dict[str, list[str]]:
    """These paths, or all tests, by the database that they are run in: the suite's, and one for each
    addon that needs an app of Odoo's, whose other addons' tests are not to meet it."""
    found: dict[str, list[str]] = {}
    if not paths or any(Path(path).resolve() == SUITE_ADDONS for path in paths):
        paths = [str(path) for path in sorted(SUITE_ADDONS.glob("*/tests"))]
    for path in paths:
        addon = Path(path.split("::")[0]).resolve().relative_to(SUITE_ADDONS).parts[0]
        found.setdefault(addon if addon in APP_ADDONS else "addons", []).append(path)
    return found


def main(arguments: Sequence[str]) -> int:
    paths, options, others = split(arguments)
    if others and not paths:
        return 0
    with ExitStack() as running:
        postgres = running.enter_context(Postgres())
        redis = running.enter_context(RedisCluster())
        s3 = running.enter_context(SeaweedFS())
        codes = []
        for database, chosen in sorted(by_database(paths).items()):
            odoo = OdooServer(
                postgres,
                database,
                variant="suite",
                ha=ha_settings(redis, s3),
                environment=secret_environment(s3.base, redis, s3),
                # HttpCase asks for the server on 127.0.0.1.
                options={"http_interface": "127.0.0.1", "log_level": "warn"},
            )
            if database in APP_ADDONS:
                # Without the dozen addons that come along with an app by themselves.
                modules = ["base", "web", database, *APP_ADDONS[database]]
                odoo.install(*modules, options=["--skip-auto-install"])
            else:
                odoo.install("base", "web", *suite_modules(), DASHBOARD)
            codes.append(run_pytest(odoo, [*options, *chosen]))
        # 5, no test selected, is a failure only where none was in any of them.
        return next((code for code in codes if code not in (0, 5)), min(codes))


def run_pytest(odoo: OdooServer, arguments: Sequence[str]) -> int:
    """pytest's exit code, with these tests in the Odoo's database."""
    python_path = os.pathsep.join([odoo.environment["PYTHONPATH"], str(REPOSITORY)])
    command = [sys.executable, "-m", "pytest", "-c", str(CONFIGURATION), "--rootdir=."]
    command += ["-p", "tests.integration.server_wide", f"--odoo-config={odoo.configuration}"]
    command += ["--odoo-http", *arguments]
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
