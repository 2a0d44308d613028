"""Real Patroni: what it writes and answers during a switchover, followed by either source."""

from __future__ import annotations

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.patroni import PatroniCluster


def test_switchover_followed_in_etcd_and_over_rest(patroni: PatroniCluster) -> None:
    """Two sidecars, one of them cut off from etcd: both see the same primary, by proof."""
    cluster = Cluster(patroni.etcd, {})
    first = patroni.nodes["pg1"]
    cluster.create_role(first.execute)
    nowhere = f"http://{patroni.etcd.address}:9"
    with (
        Sidecar(cluster, patroni_urls=patroni.urls) as watching,
        Sidecar(cluster, etcd_endpoints=[nowhere], patroni_urls=patroni.urls) as cut_off,
    ):
        seen = watching.wait_for(state="stable", primary="pg1", source="etcd", sync_mode="on")
        by_rest = cut_off.wait_for(state="stable", primary="pg1", source="rest", sync_mode="on")
        assert by_rest["primary"] == seen["primary"]
        watching.wait_for_synchronous_replica("pg2")
        cut_off.wait_for_synchronous_replica("pg2")
        assert watching.get("/health")[1]["status"] == "pass"
        assert cut_off.get("/health")[1]["status"] == "warn"

        status, answer = first.call("POST", "/switchover", {"leader": "pg1", "candidate": "pg2"})
        assert status == 200, answer
        seen = watching.wait_for(state="stable", primary="pg2", epoch=2, timeout=20)
        by_rest = cut_off.wait_for(state="stable", primary="pg2", epoch=2, timeout=20)
        assert seen["primary"] == by_rest["primary"]
        assert seen["primary"]["timeline"] == 2
        told = [line.get("situation") for line in watching.log()]
        assert "switchover announced" in told
        assert told.index("switchover announced") < len(told) - 1 - told[::-1].index(
            "new primary proven"
        )

        # Without a synchronous replica Patroni would rightly elect nobody.
        watching.wait_for_synchronous_replica("pg1")
        # Patroni is stopped as by a power cut: etcd's lease has to run out first.
        patroni.nodes["pg2"].kill()
        for sidecar in (watching, cut_off):
            sidecar.wait_for(state="lost", primary=None, epoch=2, timeout=5)
        for sidecar in (watching, cut_off):
            sidecar.wait_for(state="stable", primary="pg1", epoch=3, timeout=60)
