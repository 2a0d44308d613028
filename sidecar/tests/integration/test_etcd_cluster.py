"""Three etcd members that lose their leader, their quorum, or one of them behind a partition."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
import urllib3

from ha_sidecar.errors import SourceError
from ha_sidecar.etcd import Access, Endpoint
from sidecar.tests.integration.cluster import PREFIX, Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.etcd_cluster import EtcdCluster

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(scope="module")
def members() -> Iterator[EtcdCluster]:
    with EtcdCluster() as members:
        yield members


@pytest.fixture
def etcd(members: EtcdCluster, cluster: Cluster) -> Iterator[EtcdCluster]:
    """All members, healthy, with the module's cluster described in them."""
    members.heal()
    endpoint = Endpoint(cluster.etcd.url, Access(timeout=2.0))
    for key, value in endpoint.read(PREFIX).values.items():
        members.leader.put(PREFIX + key, value)
    endpoint.close()
    yield members
    members.heal()


def elect(etcd: EtcdCluster, name: str) -> None:
    """Write the leader key by way of a member of the majority, as soon as that has a leader."""

    def is_written() -> bool:
        try:
            etcd.members[0].put(PREFIX + "leader", name)
        except (urllib3.exceptions.HTTPError, RuntimeError):
            return False
        return True

    wait_until(is_written, timeout=15, what="etcd takes a write")


def test_leader_loss_is_not_noticed(cluster: Cluster, etcd: EtcdCluster) -> None:
    """The members elect another leader within their election timeout, a second."""
    with Sidecar(cluster, etcd_endpoints=etcd.urls) as sidecar:
        sidecar.wait_for(state="stable", source="etcd")
        etcd.leader.kill()
        sidecar.never_shows(2.0, state="lost")
        etcd.leader.put(PREFIX + "leader", "pg2")
        elected_at = time.monotonic()
        sidecar.wait_for(state="switching", primary=None, source="etcd", timeout=4)
        print(f"elected after a leader loss → noticed: {time.monotonic() - elected_at:.2f} s")
        etcd.leader.put(PREFIX + "leader", "pg1")
        sidecar.wait_for(state="stable", primary="pg1", epoch=1, timeout=4)


def test_quorum_loss_moves_nothing(cluster: Cluster, etcd: EtcdCluster) -> None:
    with Sidecar(cluster, etcd_endpoints=etcd.urls) as sidecar:
        sidecar.wait_for(state="stable", source="etcd")
        for member in etcd.members[:2]:
            member.kill()
        sidecar.wait_for(state="stable", primary="pg1", source="sql", timeout=8)
        sidecar.never_shows(3.0, state="lost")
        for member in etcd.members[:2]:
            member.process.start()
        sidecar.wait_for(state="stable", primary="pg1", source="etcd", epoch=1, timeout=10)


def test_partitioned_member_is_left_for_one_that_knows(cluster: Cluster, etcd: EtcdCluster) -> None:
    """It accepts, keeps watches open and says nothing: whoever trusted it would miss all."""
    cut_off = etcd.members[2]
    with Sidecar(cluster, etcd_endpoints=[cut_off.url, *etcd.urls[:2]]) as sidecar:
        sidecar.wait_for(state="stable", source="etcd")
        etcd.partition()
        elect(etcd, "pg2")
        elected_at = time.monotonic()
        sidecar.wait_for(state="switching", primary=None, source="etcd", timeout=6)
        print(f"elected beyond a partition → noticed: {time.monotonic() - elected_at:.2f} s")
        stale = Endpoint(cut_off.url, Access(timeout=1.0))
        with pytest.raises(SourceError):
            stale.read(PREFIX)
        stale.close()
        elect(etcd, "pg1")
        sidecar.wait_for(state="stable", primary="pg1", epoch=1, timeout=4)


def test_a_watch_on_a_partitioned_member_is_ended_by_silence(
    cluster: Cluster, etcd: EtcdCluster
) -> None:
    """Nothing cancels it: only the silence tells."""
    with Sidecar(cluster, etcd_endpoints=[etcd.urls[2]]) as sidecar:
        sidecar.wait_for(state="stable", source="etcd")
        etcd.partition()
        elect(etcd, "pg2")
        sidecar.wait_for(state="stable", primary="pg1", source="sql", timeout=6)
        etcd.join()
        sidecar.wait_for(state="switching", primary=None, source="etcd", timeout=10)
