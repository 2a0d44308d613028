"""Scheduled actions that lose their connection: run again at once, but none that is done."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

_numbers = itertools.count(1)
#: Far below the poll, which comes after 60 s.
AT_ONCE_S = 20.0


@dataclass
class Jobs:
    """A node whose only scheduled action is the test's."""

    postgres: Postgres
    odoo: OdooServer

    def execute(self, query: str) -> list[tuple[Any, ...]]:
        return self.postgres.execute(query, dbname=self.odoo.dbname)

    def add(self, code: str) -> None:
        """Create the job, due now."""
        client = self.odoo.client()
        client.login(self.odoo.dbname)
        (model,) = client.call("ir.model", "search", [("model", "=", "ha.test.row")])
        client.call(
            "ir.cron",
            "create",
            {
                "name": "the job",
                "model_id": model,
                "state": "code",
                "code": code,
                "interval_number": 1,
                "interval_type": "days",
                "nextcall": "2020-01-01 00:00:00",
            },
        )
        self.postgres.execute("SELECT pg_notify('cron_trigger', %s)", [self.odoo.dbname])

    def wait_for_backend(self, what: str) -> None:
        wait_until(
            lambda: self.postgres.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND state = 'active'"
                " AND query LIKE %s AND pid <> pg_backend_pid()",
                [self.odoo.dbname, f"%{what}%"],
            ),
            timeout=30,
            what=f"a backend at {what!r}",
        )

    def crash(self) -> None:
        self.postgres.kill()
        self.postgres.start()

    def wait_until_booked(self) -> float:
        """Wait until the job's row says that it ran; return the seconds."""
        return wait_until(
            lambda: self.execute(
                "SELECT 1 FROM ir_cron WHERE cron_name = 'the job' AND nextcall > now()"
            ),
            timeout=AT_ONCE_S,
            what="the job ran",
        )

    def failures(self) -> int:
        return int(
            self.execute("SELECT failure_count FROM ir_cron WHERE cron_name = 'the job'")[0][0]
        )

    def rows(self) -> list[str]:
        return [token for (token,) in self.execute("SELECT token FROM ha_test_row ORDER BY id")]


@pytest.fixture(params=[(1, {}), (0, {})], ids=["prefork", "threaded"])
def jobs(
    postgres: Postgres, suite_template: OdooServer, request: pytest.FixtureRequest
) -> Iterator[Jobs]:
    workers, settings = request.param
    odoo = OdooServer(
        postgres,
        f"jobs_{next(_numbers)}",
        variant="suite",
        workers=workers,
        options={"max_cron_threads": 2},
        ha={"cron_lease": 6, **settings},
    )
    odoo.copy_database(suite_template)
    jobs = Jobs(postgres, odoo)
    jobs.execute("UPDATE ir_cron SET active = false")
    with odoo:
        yield jobs


def test_a_caught_job_runs_again_at_once(jobs: Jobs) -> None:
    jobs.add("model.create_slowly('t', 3)")
    jobs.wait_for_backend("ha_test linger")
    jobs.crash()
    jobs.wait_until_booked()
    assert jobs.rows() == ["t"]
    assert jobs.failures() == 0
    assert jobs.execute("SELECT max(timed_out_counter) FROM ir_cron_progress") == [(1,)]


def test_a_job_that_is_done_does_not_run_twice(jobs: Jobs) -> None:
    jobs.add("model.create_and_dally('t', 3)")
    wait_until(lambda: jobs.rows() == ["t"], timeout=30, what="the job's commit")
    jobs.crash()
    jobs.wait_until_booked()
    assert jobs.rows() == ["t"]
    assert jobs.failures() == 0
    assert "noted on the new primary" in jobs.odoo.log_text()


def test_a_job_in_batches_goes_on_where_it_was(jobs: Jobs) -> None:
    jobs.add("model.work_in_batches(5, 0.5)")
    wait_until(lambda: len(jobs.rows()) >= 2, timeout=30, what="two batches")
    jobs.crash()
    jobs.wait_until_booked()
    assert jobs.rows() == ["0", "1", "2", "3", "4"]
    assert jobs.failures() == 0


def test_cron_processes_outlive_an_outage(jobs: Jobs) -> None:
    """No job under way: they listen again, and a job that is triggered then runs at once."""
    jobs.add("model.create({'token': 'before'})")
    jobs.wait_until_booked()
    jobs.crash()
    jobs.add("model.create({'token': 'after'})")
    wait_until(
        lambda: jobs.rows() == ["before", "after"], timeout=AT_ONCE_S, what="the second job ran"
    )
    log = jobs.odoo.log_text()
    assert "Exception occurred, exiting" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("jobs", "said"),
    [((1, {}), "resolved: committed"), ((1, {"commit_markers": "false"}), "It is not run again")],
    ids=["marker", "no marker"],
    indirect=["jobs"],
)
def test_a_job_whose_commit_is_in_doubt_does_not_run_twice(jobs: Jobs, said: str) -> None:
    """A standby that doesn't exist holds the COMMIT open, which is done and not answered."""
    jobs.add("model.create_slowly('t', 4)")
    jobs.wait_for_backend("ha_test linger")
    try:
        jobs.postgres.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        jobs.postgres.execute("SELECT pg_reload_conf()")
        wait_until(
            lambda: jobs.postgres.terminate_backends(
                "wait_event = 'SyncRep' AND query = 'COMMIT' AND datname = %s", [jobs.odoo.dbname]
            ),
            timeout=20,
            what="the job's COMMIT waits for its standby",
        )
    finally:
        jobs.postgres.execute("ALTER SYSTEM RESET synchronous_standby_names")
        jobs.postgres.execute("SELECT pg_reload_conf()")
    jobs.wait_until_booked()
    assert said in jobs.odoo.log_text()
    assert jobs.rows() == ["t"]
    assert jobs.failures() == 0
