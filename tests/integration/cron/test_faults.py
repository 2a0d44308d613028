"""The drill of ``tests/long/cron_faults``, short: no job twice at once, none skipped, no commit by
a deposed leader, whatever happens to the leader and to its sessions."""

from __future__ import annotations

import os
import time

import pytest

from tests.long.cron_ledger import (
    CODE,
    GRANTS,
    READ_BOOKINGS,
    READ_GRANTS,
    READ_RUNS,
    SCHEMA,
    Grant,
    Run,
    judge,
)
from tests.servers.addresses import wait_until

from .conftest import LEASE_S, Database, StartNode

pytestmark = pytest.mark.skipif(not os.environ.get("HA_TEST_LONG"), reason="HA_TEST_LONG=1 runs it")

JOBS = 10


def test_the_ledger_has_nothing_against_it(database: Database, start_node: StartNode) -> None:
    database.execute("DROP TABLE job_ledger; DROP SEQUENCE job_run")
    database.execute(SCHEMA)
    database.execute(GRANTS)
    nodes = {name: start_node(name, workers=0, max_cron_threads=2) for name in ("one", "two")}

    def leader() -> str:
        wait_until(lambda: (database.lease() or ("", 0, 0))[2] > 0, timeout=60, what="a leader")
        return (database.lease() or ("",))[0]

    def ended() -> int:
        query = "SELECT count(*) FROM job_ledger WHERE event = 'end'"
        return int(database.execute(query)[0][0])

    def some_more_runs() -> None:
        before = ended()
        database.make_due()
        wait_until(lambda: ended() >= before + JOBS, timeout=90, what="each job ran again")

    client = nodes["one"].client()
    client.login(database.name)
    (model,) = client.call("ir.model", "search", [("model", "=", "res.partner")])
    jobs = [
        {
            "name": f"ledger {number}",
            "model_id": model,
            "state": "code",
            "code": CODE.format(seconds=2 if number == 0 else 0.02),
            "interval_number": 1,
            "interval_type": "days",
            "nextcall": "2020-01-01 00:00:00",
        }
        for number in range(JOBS)
    ]
    client.call("ir.cron", "create", jobs)
    some_more_runs()

    database.make_due()
    wait_until(database.end_idle_lock_sessions, timeout=60, what="a job's lock is lost")
    database.wake()
    some_more_runs()

    first = leader()
    database.make_due()
    nodes[first].freeze()
    wait_until(lambda: leader() != first, timeout=60, what="the other leads")
    # What the frozen one had locked stays locked until it goes on.
    time.sleep(LEASE_S / 2)
    nodes[first].thaw()
    some_more_runs()

    second = leader()
    database.make_due()
    nodes[second].kill()
    some_more_runs()
    assert leader() != second

    runs = [
        Run(*row[:3], *(None if at is None else float(at) for at in row[3:]))  # type: ignore[arg-type]
        for row in database.execute(READ_RUNS)
    ]
    bookings = [(job, float(at)) for job, at in database.execute(READ_BOOKINGS)]
    grants = [Grant(node, token, float(at)) for node, token, at in database.execute(READ_GRANTS)]
    assert len(grants) >= 3
    findings = judge(runs, bookings, grants)
    assert not findings, findings
