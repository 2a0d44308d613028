"""Pools: each runs on the node that prefers it, and moves when that is asked for or the node dies."""

from __future__ import annotations

import os
import time

import pytest

from tests.servers.addresses import wait_until

from .conftest import Database, StartNode

pytestmark = pytest.mark.skipif(not os.environ.get("HA_TEST_LONG"), reason="HA_TEST_LONG=1 runs it")


def holders(database: Database) -> dict[str, str]:
    """The node that leads each pool now."""
    return dict(
        database.execute(
            "SELECT job_pool, split_part(holder, '/', 1) FROM ha_cron_lease"
            " WHERE expires_at > clock_timestamp() AT TIME ZONE 'UTC'"
        )
    )


def test_pools_spread_over_nodes_and_stand_in_for_each_other(
    database: Database, start_node: StartNode
) -> None:
    """One story, as each node's start takes long: preference, step down, pause, death, bad names."""
    one = start_node(
        "one", workers=0, ha={"cron_pools": "main, reports, reprots", "cron_lease": 20}
    )
    both = {"main": "one", "reports": "one", "reprots": "one"}
    wait_until(lambda: holders(database) == both, timeout=60, what="one node leads all")
    wait_until(lambda: "cron_pools names reprots, but" in one.log_text(), timeout=90, what="said")

    # The second prefers reports: it gets it from a node that is alive and well.
    two = start_node("two", workers=0, ha={"cron_pools": "reports, main", "cron_lease": 20})
    spread = {"main": "one", "reports": "two", "reprots": "one"}
    wait_until(lambda: holders(database) == spread, timeout=60, what="each has what it prefers")
    assert "lost the lease" not in one.log_text()

    # A job runs where its pool is led.
    job = database.add_job(one, seconds=0)
    wait_until(lambda: len(database.runs()) == 1, timeout=60, what="it runs on the leader of main")
    client = one.client()
    client.login(database.name)
    client.call("ir.cron", "write", [job], {"job_pool": "reports"})
    database.make_due()
    wait_until(lambda: len(database.runs()) == 2, timeout=60, what="it runs on that of reports")
    assert [run.node for run in database.runs()] == ["one", "two"]
    wait_until(
        lambda: (
            database.execute("SELECT node, runs FROM ha_cron_run ORDER BY node")
            == [("one", 1), ("two", 1)]
        ),
        timeout=30,
        what="the runs are counted by node",
    )

    # Paused: due and not run; resumed: run.
    (lease,) = client.call("ha.cron.lease", "search", [("job_pool", "=", "reports")])
    client.call("ha.cron.lease", "action_pause", [lease])
    wait_until(
        lambda: client.call("ha.cron.lease", "read", [lease], ["state"])[0]["state"] == "paused",
        timeout=30,
        what="it is paused",
    )
    time.sleep(2)  # the leader was notified
    database.make_due()
    time.sleep(3)
    assert len(database.runs()) == 2
    client.call("ha.cron.lease", "action_resume", [lease])
    wait_until(lambda: len(database.runs()) == 3, timeout=60, what="it runs again")

    # Stepped down: the other one has it, though it prefers it less.
    client.call("ha.cron.lease", "action_step_down", [lease])
    wait_until(lambda: holders(database)["reports"] == "one", timeout=30, what="handed over")
    # And gets it back when the time is over.
    wait_until(lambda: holders(database)["reports"] == "two", timeout=120, what="handed back")

    # Killed: the other one leads both, long before the lease would have run out.
    two.kill()
    wait_until(lambda: holders(database)["reports"] == "one", timeout=60, what="taken over")
    assert database.execute("SELECT reason FROM ha_cron_lease WHERE job_pool = 'reports'") == [
        ("gone",)
    ]

    # A pool that nobody serves.
    client.call("ir.cron", "write", [job], {"job_pool": "nowhere"})
    wait_until(
        lambda: "no live node serves the pool nowhere" in one.log_text(),
        timeout=150,
        interval=1,
        what="the log names the pool",
    )


def test_two_nodes_with_one_name_are_told(database: Database, start_node: StartNode) -> None:
    start_node("one", workers=0)
    second = start_node("one", workers=0)
    wait_until(
        lambda: "node_id = one is the name of another running node" in second.log_text(),
        timeout=60,
        what="the second says so",
    )
