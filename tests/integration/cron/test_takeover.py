"""Who runs the jobs when the leader dies, freezes, stops, or its database moves."""

from __future__ import annotations

import time
from pathlib import Path

from tests.servers.addresses import wait_until

from .conftest import LEASE_S, Database, StartNode, overlapping


def leader(database: Database) -> str | None:
    lease = database.lease()
    return lease[0] if lease and lease[2] > 0 else None


def test_a_killed_leader_is_followed_within_its_lease(
    database: Database, start_node: StartNode
) -> None:
    first = start_node("one")
    wait_until(lambda: leader(database) == "one", timeout=20, what="node one leads")
    second = start_node("two")
    database.add_job(second, seconds=1)
    wait_until(lambda: database.runs() and database.runs()[0].ended, timeout=20, what="a run")
    assert database.runs()[0].node == "one"
    before = database.lease()
    assert before is not None
    first.kill()
    database.make_due()
    took = wait_until(lambda: leader(database) == "two", timeout=20, what="node two leads")
    assert took <= LEASE_S + 1
    after = database.lease()
    assert after is not None
    assert after[1] == before[1] + 1
    # It is woken by the grant, not by its next poll a minute later.
    wait_until(lambda: len(database.runs()) == 2, timeout=3, what="node two runs the job")
    assert database.runs()[1].node == "two"


def test_a_leader_that_stops_hands_over_at_once(database: Database, start_node: StartNode) -> None:
    first = start_node("one")
    wait_until(lambda: leader(database) == "one", timeout=20, what="node one leads")
    start_node("two")
    time.sleep(LEASE_S / 3)
    job = database.add_job(first, seconds=5)
    wait_until(database.runs, timeout=20, what="the job started")
    first.process.stop(timeout=30)  # it lets the job end
    stopped_at = time.monotonic()
    database.execute("UPDATE ir_cron SET nextcall = '2020-01-01' WHERE id = %s", (job,))
    database.wake()  # node two, woken by the release, may have looked before the job was due
    wait_until(lambda: len(database.runs()) == 2, timeout=10, what="node two runs it")
    assert time.monotonic() - stopped_at < LEASE_S / 3 + 1
    one, two = database.runs()
    assert (one.node, two.node) == ("one", "two")
    assert one.ended is not None
    assert not overlapping([one, two])


def test_a_drained_leader_hands_over_when_its_job_has_ended_and_leads_again_after(
    database: Database, start_node: StartNode, tmp_path: Path
) -> None:
    drain = tmp_path / "drain"
    first = start_node("one", ha={"drain_path": drain})
    wait_until(lambda: leader(database) == "one", timeout=30, what="node one leads")
    second = start_node("two")
    database.add_job(first, seconds=4)
    wait_until(database.runs, timeout=30, what="the job started")
    drain.touch()
    wait_until(lambda: leader(database) == "two", timeout=30, what="node two leads")
    (run,) = database.runs()
    assert run.ended is not None
    database.make_due()
    wait_until(lambda: len(database.runs()) == 2, timeout=30, what="node two runs it")
    assert [run.node for run in database.runs()] == ["one", "two"]
    drain.unlink()
    second.kill()
    wait_until(lambda: leader(database) == "one", timeout=30, what="node one leads again")
    database.make_due()
    wait_until(lambda: len(database.runs()) == 3, timeout=30, what="node one runs it")
    assert database.runs()[2].node == "one"
    assert not overlapping(database.runs())


def test_a_threaded_leader_that_stops_hands_over_at_once(
    database: Database, start_node: StartNode
) -> None:
    first = start_node("one", workers=0)
    wait_until(lambda: leader(database) == "one", timeout=20, what="node one leads")
    start_node("two", workers=0)
    time.sleep(1)
    first.stop()
    took = wait_until(lambda: leader(database) == "two", timeout=10, what="node two leads")
    assert took < LEASE_S / 3 + 1


def test_a_deposed_leader_commits_nothing(database: Database, start_node: StartNode) -> None:
    """Frozen in the middle of a job for longer than its lease; then it wakes and goes on."""
    first = start_node("one")
    wait_until(lambda: leader(database) == "one", timeout=20, what="node one leads")
    second = start_node("two")
    database.add_job(second, seconds=3)
    wait_until(database.runs, timeout=20, what="the job started")
    first.freeze()
    took = wait_until(lambda: leader(database) == "two", timeout=20, what="node two leads")
    assert took <= LEASE_S + 1
    first.thaw()
    wait_until(lambda: "LeaseLost" in first.log_text(), timeout=20, what="node one finds out")

    def done() -> bool:
        # Or node two would find it at its next poll, a minute later: node one may just still
        # hold the job's row while it says what it found out.
        database.wake()
        return any(run.ended for run in database.runs())

    wait_until(done, timeout=60, interval=1, what="node two runs the job")
    one, *others = database.runs()
    assert one.node == "one"
    assert one.ended is None, "a deposed leader committed"
    assert {run.node for run in others} == {"two"}


def test_the_leader_stays_over_a_restart_of_the_database(
    database: Database, start_node: StartNode
) -> None:
    """Shorter than the lease, so nobody may take it, and the keeper must find its way back."""
    node = start_node("one")
    wait_until(lambda: leader(database) == "one", timeout=20, what="node one leads")
    before = database.lease()
    assert before is not None
    # A database made from a template loses the last values of its sequences in a crash, unless a
    # checkpoint came after (PostgreSQL, strategy WAL_LOG).
    database.postgres.execute("CHECKPOINT")
    database.postgres.kill()
    database.postgres.start()
    time.sleep(LEASE_S)
    after = database.lease()
    assert after is not None
    assert after[:2] == before[:2]
    assert after[2] > 0, "it no longer renews"
    database.add_job(node, seconds=0)
    wait_until(database.runs, timeout=20, what="jobs run again")


def test_a_follower_runs_a_job_by_hand(database: Database, start_node: StartNode) -> None:
    start_node("one")
    wait_until(lambda: leader(database) == "one", timeout=20, what="node one leads")
    second = start_node("two", workers=0)
    job = database.add_job(second, seconds=0)
    wait_until(database.runs, timeout=20, what="the leader ran it")
    client = second.client()
    client.login(database.name)
    assert client.call("ir.cron", "method_direct_trigger", [job]) is True
    assert [run.node for run in database.runs()] == ["one", "two"]


def test_the_leader_runs_what_a_follower_triggers(
    database: Database, start_node: StartNode
) -> None:
    start_node("one")
    wait_until(lambda: leader(database) == "one", timeout=20, what="node one leads")
    second = start_node("two")
    job = database.add_job(second, seconds=0)
    wait_until(database.runs, timeout=20, what="the first run")
    client = second.client()
    client.login(database.name)
    model = client.call("ir.model", "search", [("model", "=", "ir.cron")])[0]
    trigger = client.call(
        "ir.actions.server",
        "create",
        {
            "name": "trigger",
            "model_id": model,
            "state": "code",
            "code": f"env['ir.cron'].browse({job})._trigger()",
        },
    )
    client.call("ir.actions.server", "run", [trigger])
    wait_until(lambda: len(database.runs()) == 2, timeout=5, what="the leader was notified")
    assert database.runs()[1].node == "one"


def test_a_database_without_the_app_behaves_as_stock(
    database: Database, start_node: StartNode
) -> None:
    database.execute("DROP TABLE ha_cron_lease")
    node = start_node("one")
    database.add_job(node, seconds=0)
    wait_until(database.runs, timeout=20, what="the job ran")
    assert node.log_text().count("has no leases: install the app ha_cron_leader") == 1
