"""Runs Odoo's own tests with and without the suite and prints every test that differs.

Usage: ``python -m tests.odoo_own.compare [pytest options]``. The same database, once with stock
Odoo and once with the suite installed and active: sessions in a real Redis behind Sentinels,
markers, leases and health on. The few tests that look into the directory of Odoo's session files
(``FILE_SESSIONS``) run with the suite active and sessions left in files. Attachments stay in the
filestore here; ``compare_s3`` has them in S3. Exits 0 when nothing differs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.integration.addons import CONFIGURATION
from tests.servers.odoo import OdooServer, Variant
from tests.servers.odoo_source import REPOSITORY, OdooSource
from tests.servers.postgres import Postgres
from tests.servers.processes import run_environment
from tests.servers.redis import RedisCluster
from tests.servers.suite import ha_settings, secret_environment, suite_modules

from .outcomes import Difference, Outcomes, differences, parse, summary

MODULES = ("base", "web", "bus", "mail", "test_http")
TESTS = (
    "test_http/tests/test_session.py",
    "test_http/tests/test_device.py",
    "base/tests/test_ir_attachment.py",
    "base/tests/test_ir_cron.py",
    "base/tests/test_db_cursor.py",
    "base/tests/test_http_case.py",
    "bus/tests",
    "test_http/tests/test_registry.py",  # breaks databases: nothing may follow
)
#: test_registry.py needs its own routes where there is no database.
SERVER_WIDE = {"stock": "base,rpc,web,test_http", "suite": "base,rpc,web,test_http,ha_base"}
#: They read the files of the session store, or expire them by setting Python's clock.
FILE_SESSIONS = (
    "TestSessionStore::test02_session_lifetime_1week",
    "TestSessionStore::test03_session_lifetime_1min",
    "TestSessionStore::test04_session_lifetime_nodb",
    "TestSessionRotation::test_session_rotation",
)
#: A registry that is loaded in testing mode runs the tests with these tags; pytest runs them here.
NO_TESTS = "none_at_loading"
TIMEOUT_S = 1800


def test_paths(source: OdooSource, tests: Sequence[str]) -> list[str]:
    """Return where Odoo keeps each of the tests; LookupError names the one it lacks."""
    found = []
    for test in tests:
        places = [addons / test for addons in source.addons if (addons / test).exists()]
        if not places:
            raise LookupError(f"this Odoo has no {test}")
        found.append(str(places[0]))
    return found


def outcomes(odoo: OdooServer, options: Sequence[str], tests: Sequence[str]) -> Outcomes:
    """Run the tests against the database of ``odoo``; pytest's own output is passed on."""
    report = odoo.base / "junit.xml"
    command = [sys.executable, "-m", "pytest", "-c", str(CONFIGURATION)]
    command += [f"--rootdir={odoo.source.python_path}"]
    command += ["-p", "tests.integration.server_wide", "-p", "tests.odoo_own.plugin"]
    command += [f"--odoo-config={odoo.configuration}", "--odoo-http", "--odoo-log-level=info"]
    command += ["--odoo-extra", f"test-tags={NO_TESTS}", "-q", "--tb=short", "--show-capture=no"]
    command += ["-p", "no:cacheprovider", f"--junitxml={report}", *options, *tests]
    environment = {
        **odoo.environment,
        "ODOO_RC": str(odoo.configuration),
        "PYTHONPATH": os.pathsep.join([odoo.environment["PYTHONPATH"], str(REPOSITORY)]),
    }
    subprocess.run(
        command, env=run_environment(environment), cwd=odoo.base, timeout=TIMEOUT_S, check=False
    )
    return parse(report.read_text())


def compare(options: Sequence[str]) -> tuple[Outcomes, Outcomes]:
    """Return the outcomes without and with the suite."""
    with ExitStack() as running:
        postgres = running.enter_context(Postgres())
        redis = running.enter_context(RedisCluster())

        def odoo(dbname: str, variant: Variant, **configured: Any) -> OdooServer:
            options = {
                "http_interface": "127.0.0.1",  # where HttpCase asks
                "db_maxconn": 64,
                "server_wide_modules": SERVER_WIDE[variant],
            }
            return OdooServer(postgres, dbname, variant=variant, options=options, **configured)

        stock = odoo("stock", "stock")
        stock.install(*MODULES)
        suite = odoo(
            "suite",
            "suite",
            ha=ha_settings(redis),
            environment=secret_environment(redis.base, redis),
        )
        suite.copy_database(stock)
        suite.install(*suite_modules())
        suite_with_files = odoo("suite", "suite", data_dir=suite.data_dir)

        tests = test_paths(stock.source, TESTS)
        apart = [f"{tests[0]}::{test}" for test in FILE_SESSIONS]
        # Deselected by id, which is relative to pytest's root.
        sessions = Path(tests[0]).relative_to(stock.source.python_path)
        deselected = [f"--deselect={sessions}::{test}" for test in FILE_SESSIONS]
        print_line("== Odoo's own tests without the suite")
        without = outcomes(stock, options, tests)
        print_line("== Odoo's own tests with the suite, sessions in Redis")
        with_suite = dict(outcomes(suite, [*options, *deselected], tests))
        print_line("== Odoo's own tests of session files, with the suite")
        with_suite |= outcomes(suite_with_files, options, apart)
        return without, with_suite


def print_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def report(without: Outcomes, with_suite: Outcomes) -> list[Difference]:
    """Print both counts and what differs; return the latter."""
    found = differences(without, with_suite)
    print_line("")
    print_line(f"without the suite: {summary(without)}")
    print_line(f"with the suite:    {summary(with_suite)}")
    for difference in found:
        print_line(f"  {difference}")
    print_line(f"{len(found)} of {len({*without, *with_suite})} tests differ")
    return found


def main(options: Sequence[str]) -> int:
    without, with_suite = compare(options)
    if not any(outcome == "passed" for outcome in without.values()):
        print_line("no test passed without the suite: nothing was compared")
        return 1
    return 1 if report(without, with_suite) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
