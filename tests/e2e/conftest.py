"""The real cluster for the end-to-end tests: brought up once, taken down and removed at the end.

Each of pytest-xdist's workers has a cluster of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ha_setup.cluster import Cluster, Network
from ha_setup.cluster.namespaces import Namespaces
from ha_setup.parts import install
from ha_setup.progress import Progress

NAME = "test"
# The demonstration's cluster has a block of its own and may be up; those of other workers lie below this one.
DEFAULT_BLOCK = "61"


@pytest.fixture(scope="session")
def progress() -> Progress:
    """Captured by pytest; shown when a test fails."""
    return Progress()


def worker() -> int:
    """The number of this one of pytest-xdist's workers."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@contextmanager
def up(cluster: Cluster, progress: Progress) -> Iterator[Cluster]:
    try:
        cluster.up(progress, variants=["suite"])
        yield cluster
    finally:
        cluster.down(progress)
        cluster.purge()


@pytest.fixture(scope="session")
def state_dir(progress: Progress) -> Path:
    """Where the parts are installed."""
    directory = Path(os.environ.get("HA_STATE_DIR", "/var/tmp/odoo-ha"))
    install(directory, progress)
    return directory


@pytest.fixture(scope="session")
def cluster(state_dir: Path, progress: Progress) -> Iterator[Cluster]:
    block = int(os.environ.get("HA_TEST_CLUSTER_BLOCK", DEFAULT_BLOCK)) - worker()
    # Packets can be dropped where this process may make network namespaces.
    network: Network = "loopback" if Namespaces.problem() else "namespaces"
    cluster = Cluster.open(
        state_dir, f"{NAME}{worker() or ''}", block=block, small=False, network=network
    )
    with up(cluster, progress):
        yield cluster


@pytest.fixture
def pooled_cluster(state_dir: Path, progress: Progress) -> Iterator[Cluster]:
    """One of its own for a test, with a PgBouncer beside each Odoo node."""
    # Below those of pytest-xdist's workers.
    block = int(os.environ.get("HA_TEST_CLUSTER_BLOCK", DEFAULT_BLOCK)) - 2
    cluster = Cluster.open(
        state_dir,
        f"{NAME}-pooler",
        block=block,
        small=True,
        network="loopback",
        pooler="transaction",
    )
    with up(cluster, progress):
        yield cluster
