"""The real cluster for the end-to-end tests: brought up once, taken down and removed at the end.

Each of pytest-xdist's workers has a cluster of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def cluster(progress: Progress) -> Iterator[Cluster]:
    state_dir = Path(os.environ.get("HA_STATE_DIR", "/var/tmp/odoo-ha"))
    install(state_dir, progress)
    block = int(os.environ.get("HA_TEST_CLUSTER_BLOCK", DEFAULT_BLOCK)) - worker()
    # Packets can be dropped where this process may make network namespaces.
    network: Network = "loopback" if Namespaces.problem() else "namespaces"
    cluster = Cluster.open(
        state_dir, f"{NAME}{worker() or ''}", block=block, small=False, network=network
    )
    try:
        cluster.up(progress, variants=["suite"])
        yield cluster
    finally:
        cluster.down(progress)
        cluster.purge()
