"""Real Patroni: what it writes and answers during a switchover, followed by either source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.etcd import Etcd
from tests.servers.patroni import PatroniCluster


@pytest.fixture(scope="module")
def etcd() -> Iterator[Etcd]:
    with Etcd() as etcd:
        yield etcd


@pytest.fixture(scope="module")
def patroni(etcd: Etcd) -> Iterator[PatroniCluster]:
    with PatroniCluster(etcd) as patroni:
        yield patroni


def wait_for_synchronous_replica(sidecar: Sidecar, name: str) -> None:
    def is_shown() -> bool:
        replicas = (sidecar.document() or {})["replicas"]
        return [(each["name"], each["sync"], each["lag_bytes"]) for each in replicas] == [
            (name, True, 0)
        ]

    wait_until(is_shown, timeout=30, what=f"{name} is the synchronous replica")


def test_switchover_followed_in_etcd_and_over_rest(etcd: Etcd, patroni: PatroniCluster) -> None:
    """Two sidecars, one of them cut off from etcd: both see the same primary, by proof."""
    cluster = Cluster(etcd, {})
    first = patroni.nodes["pg1"]
    first.execute(f"CREATE ROLE ha_sidecar LOGIN PASSWORD '{cluster.password}'")
    first.execute("GRANT pg_monitor TO ha_sidecar")
    nowhere = f"http://{etcd.address}:9"
    with (
        Sidecar(cluster, patroni_urls=patroni.urls) as watching,
        Sidecar(cluster, etcd_endpoints=[nowhere], patroni_urls=patroni.urls) as cut_off,
    ):
        seen = watching.wait_for(state="stable", primary="pg1", source="etcd", sync_mode="on")
        by_rest = cut_off.wait_for(state="stable", primary="pg1", source="rest", sync_mode="on")
        assert by_rest["primary"] == seen["primary"]
        wait_for_synchronous_replica(watching, "pg2")
        wait_for_synchronous_replica(cut_off, "pg2")
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
        wait_for_synchronous_replica(watching, "pg1")
        # Patroni is stopped as by a power cut: etcd's lease has to run out first.
        patroni.nodes["pg2"].kill()
        for sidecar in (watching, cut_off):
            sidecar.wait_for(state="lost", primary=None, epoch=2, timeout=5)
        for sidecar in (watching, cut_off):
            sidecar.wait_for(state="stable", primary="pg1", epoch=3, timeout=60)
