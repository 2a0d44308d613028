"""Real servers for the sidecar's tests: etcd, a PostgreSQL primary, its streaming replica."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.etcd import Etcd
from tests.servers.patroni import PatroniCluster
from tests.servers.postgres import Postgres


@contextmanager
def _cluster() -> Iterator[Cluster]:
    with Etcd() as etcd, Postgres() as primary, primary.replica() as replica:
        cluster = Cluster(etcd, {"pg1": primary, "pg2": replica})
        cluster.prepare()
        yield cluster


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    """One cluster for all tests of a module that leave its timeline alone."""
    with _cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """The module's cluster, healthy: everything runs, pg1 is elected."""
    shared.heal()
    return shared


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster of this test's own, which it may promote and break."""
    with _cluster() as cluster:
        yield cluster


@pytest.fixture
def sidecar(cluster: Cluster) -> Iterator[Sidecar]:
    """A sidecar of the module's cluster that has published pg1."""
    with Sidecar(cluster) as sidecar:
        sidecar.wait_for(state="stable")
        yield sidecar


@pytest.fixture(scope="module")
def patroni() -> Iterator[PatroniCluster]:
    """Two nodes run by real Patronis, pg1 the leader at first."""
    with Etcd() as etcd, PatroniCluster(etcd) as patroni:
        yield patroni
