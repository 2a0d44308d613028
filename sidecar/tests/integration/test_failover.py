"""What is published while the primary fails, hangs, restarts, moves and comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.postgres import Postgres

Report = Callable[[str, object], None]


class WritableWatch(threading.Thread):
    """Notes when a server first says that it is out of recovery, on a connection kept open."""

    def __init__(self, server: Postgres) -> None:
        super().__init__(daemon=True)
        self.connection = server.connect()
        self.writable_at = 0.0

    def run(self) -> None:
        with self.connection.cursor() as cursor:
            while not self.writable_at:
                cursor.execute("SELECT pg_is_in_recovery()")
                if cursor.fetchone() == (False,):
                    self.writable_at = time.time()
                time.sleep(0.001)
        self.connection.close()


def last_outage(sidecar: Sidecar) -> dict[str, Any]:
    """The last one of its history, once it is over: that is noted after the primary is published."""
    found: list[dict[str, Any]] = []

    def is_over() -> bool:
        found[:] = sidecar.get("/history")[1]["outages"][-1:]
        return bool(found) and found[0]["ended_at"] is not None

    wait_until(is_over, timeout=30, what="the end of the outage in the history")
    return found[0]


def test_publishes_the_primary_and_its_replicas(cluster: Cluster, sidecar: Sidecar) -> None:
    wait_until(
        lambda: (sidecar.document() or {})["replicas"][0]["lag_bytes"] is not None,
        timeout=10,
        what="the replica's lag",
    )
    document = sidecar.wait_for(epoch=1, primary="pg1", source="etcd", sync_mode="on")
    pg1, pg2 = cluster.servers.values()
    assert document["primary"] == {
        "name": "pg1",
        "host": pg1.address,
        "port": pg1.port,
        "timeline": 1,
        "system_identifier": cluster.identifier,
    }
    (replica,) = document["replicas"]
    assert (replica["name"], replica["host"], replica["sync"]) == ("pg2", pg2.address, True)
    assert replica["lag_bytes"] >= 0
    assert replica["lag_seconds"] is not None
    assert sidecar.get("/topology")[0] == 200
    assert sidecar.get("/health") == (
        200,
        {"status": "pass", "state": "stable", "epoch": 1, "source": "etcd"},
    )


def test_heartbeat(sidecar: Sidecar) -> None:
    seen = set()
    end = time.monotonic() + 3.5
    while time.monotonic() < end:
        document = sidecar.document()
        assert document is not None
        seen.add(document["observed_at"])
        age = time.time() - datetime.fromisoformat(document["observed_at"]).timestamp()
        assert age < 1.5
        time.sleep(0.02)
    assert len(seen) >= 4


def test_frozen_primary_is_lost_and_nothing_piles_up(
    cluster: Cluster, sidecar: Sidecar, record_property: Report
) -> None:
    threads = sidecar.threads()
    cluster.servers["pg1"].freeze()
    frozen_at = time.monotonic()
    sidecar.wait_for(state="lost", primary=None, timeout=3)
    took = time.monotonic() - frozen_at
    record_property("frozen_to_lost_s", round(took, 3))
    print(f"frozen primary → lost: {took * 1000:.0f} ms")
    assert took < 1.5
    sidecar.never_shows(5.0, state="stable")
    assert sidecar.threads() <= threads
    assert sidecar.get("/health")[0] == 503
    cluster.servers["pg1"].thaw()
    sidecar.wait_for(state="stable", primary="pg1", epoch=1)
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ha-sidecar'"
    wait_until(
        lambda: cluster.servers["pg1"].execute(count)[0][0] <= 2,
        timeout=10,
        what="at most the probe's and the lag's connection are left",
    )


def test_crash_restart_on_the_same_timeline_keeps_the_epoch(
    cluster: Cluster, sidecar: Sidecar
) -> None:
    cluster.servers["pg1"].kill()
    sidecar.wait_for(state="lost", primary=None, epoch=1, timeout=3)
    cluster.servers["pg1"].start()
    sidecar.wait_for(state="stable", primary="pg1", epoch=1)
    outage = last_outage(sidecar)
    assert (outage["kind"], outage["old"], outage["new"]) == ("interruption", "pg1", None)
    assert outage["began_at"] <= outage["isolated_at"] < outage["ended_at"]


def test_restart_of_the_sidecar_is_not_noticed(cluster: Cluster, sidecar: Sidecar) -> None:
    before = sidecar.wait_for(state="stable")
    assert sidecar.stop() == 0
    assert sidecar.document() is not None
    sidecar.process.start()
    wait_until(
        lambda: not sidecar.shows(observed_at=before["observed_at"]),
        timeout=20, what="the first document after the restart",
    )  # fmt: skip
    sidecar.never_shows(2.0, state="lost")
    after = sidecar.wait_for(state="stable")
    assert (after["epoch"], after["primary"]) == (before["epoch"], before["primary"])


def test_killed_sidecar_comes_back_by_itself(cluster: Cluster, sidecar: Sidecar) -> None:
    sidecar.process.kill()
    assert sidecar.socket_path.exists()
    sidecar.process.start()

    def answers() -> bool:
        try:
            return sidecar.get("/health")[0] == 200
        except ConnectionRefusedError:
            return False

    wait_until(answers, timeout=5, what="the API answers in place of the dead socket")
    sidecar.wait_for(state="stable", epoch=1)


def test_announced_switchover_is_shown_before_anything_moves(
    cluster: Cluster, sidecar: Sidecar
) -> None:
    cluster.write("failover", {"leader": "pg1", "member": "pg2"})
    sidecar.wait_for(state="switching", primary="pg1", epoch=1, timeout=2)
    cluster.write("failover", "{}")
    sidecar.wait_for(state="stable", primary="pg1", epoch=1, timeout=2)


def test_vanished_leader_key(cluster: Cluster, sidecar: Sidecar) -> None:
    cluster.elect(None)
    sidecar.wait_for(state="switching", primary="pg1", timeout=2)
    cluster.elect("pg1")
    sidecar.wait_for(state="stable", primary="pg1", epoch=1, timeout=2)


def test_promotion_is_published_when_it_is_proven_and_the_old_primary_never_again(
    own_cluster: Cluster, record_property: Report
) -> None:
    replica = own_cluster.servers["pg2"]
    with Sidecar(own_cluster) as sidecar:
        sidecar.wait_for(state="stable", primary="pg1", epoch=1)

        # Elected, but still a replica: a promotion that hangs.
        own_cluster.elect("pg2")
        sidecar.wait_for(state="switching", primary=None, timeout=2)
        sidecar.never_shows(1.5, state="stable")

        watch = WritableWatch(replica)
        watch.start()
        promotion = threading.Thread(target=replica.promote)
        promotion.start()
        document = sidecar.wait_for(state="stable", primary="pg2", epoch=2)
        published_at = time.time()
        promotion.join(30)
        watch.join(10)
        took = published_at - watch.writable_at
        record_property("writable_to_published_s", round(took, 4))
        print(f"writable → published: {took * 1000:.0f} ms")
        assert took < 0.5
        assert document["primary"]["timeline"] == 2
        outage = last_outage(sidecar)
        assert (outage["kind"], outage["old"], outage["new"]) == ("failover", "pg1", "pg2")
        assert outage["began_at"] <= outage["elected_at"] <= outage["promoted_at"]
        assert outage["isolated_at"] < outage["promoted_at"] == outage["ended_at"]

        # The old primary runs on, writable, and even gets the leader key: it is behind.
        own_cluster.elect("pg1")
        sidecar.wait_for(state="switching", primary=None, epoch=2, timeout=2)
        sidecar.never_shows(2.0, primary="pg1")
        assert any("timeline 1, 2 was seen" in str(line.get("detail")) for line in sidecar.log())

        # The guard outlives the sidecar.
        assert sidecar.stop() == 0
        sidecar.process.start()
        sidecar.never_shows(2.0, primary="pg1")
        own_cluster.elect("pg2")
        sidecar.wait_for(state="stable", primary="pg2", epoch=2)
        # So does the history: the second outage began before the restart and is over now.
        assert last_outage(sidecar)["began_at"] > outage["began_at"]
        history = sidecar.get("/history")[1]
        assert history["outages"][0] == outage
        assert history["lag"]["replicas"].keys() <= {"pg1", "pg2"}


def test_another_cluster_behind_the_same_address_is_refused(
    cluster: Cluster, own_cluster: Cluster
) -> None:
    """The scope's keys point at servers of another cluster, as after a mistaken restore."""
    with Sidecar(cluster) as sidecar:
        sidecar.wait_for(state="stable", primary="pg1", epoch=1)
        stranger = own_cluster.servers["pg1"]
        url = f"postgres://{stranger.address}:{stranger.port}/postgres"
        stranger.execute("ALTER ROLE ha_sidecar PASSWORD %s", [cluster.password])
        cluster.write("members/pg1", {"conn_url": url, "state": "running", "timeline": 1})
        sidecar.wait_for(state="lost", primary=None, timeout=3)
        sidecar.never_shows(1.5, state="stable")
        assert any("system identifier" in str(line.get("detail")) for line in sidecar.log())


def test_idle_cost(sidecar: Sidecar, record_property: Report) -> None:
    (process,) = sidecar.process.tree()
    before = sum(process.cpu_times()[:2])
    time.sleep(5)
    share = (sum(process.cpu_times()[:2]) - before) / 5
    memory = process.memory_info().rss / 1e6
    record_property("cpu_share", round(share, 4))
    print(f"idle: {share:.1%} of one core, {memory:.0f} MB")
    assert share < 0.15
    assert memory < 100
