"""What /metrics tells of the cluster and the node; and that alerts and dashboard ask for no more."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ha_sidecar.certificates import CertificateWatcher
from ha_sidecar.cluster import Answer as ProbeAnswer
from ha_sidecar.cluster import (
    ClusterView,
    Member,
    Primary,
    ProbeReport,
    ReplicaLag,
    Source,
    SyncMode,
)
from ha_sidecar.document import encode, topology
from ha_sidecar.metrics import Metrics
from ha_sidecar.node import Answer, Switch
from ha_sidecar.node_watch import NodeWatcher, Sight
from ha_sidecar.publisher import Publisher
from ha_sidecar.state import Memory, State
from ha_sidecar.transitions import Phase

MONITORING = Path(__file__).parents[3] / "docs" / "monitoring"
PRIMARY = Primary("pg1", "10.0.0.11", 5432, 3, "7000")
VIEW = ClusterView(
    "pg1",
    (
        Member("pg1", "10.0.0.11", 5432, "primary", "running", 3),
        Member("pg2", "10.0.0.12", 5432, "replica", "streaming", 3),
        Member("pg3", "10.0.0.13", 5432, "replica", "streaming", 3, nofailover=True),
    ),
    "7000",
    SyncMode.OFF,
)


@pytest.fixture
def page(tmp_path: Path) -> str:
    now = datetime.now(UTC)
    state = State(
        Memory(17, "7000", 3, PRIMARY), Phase.STABLE, PRIMARY, now, Source.ETCD,
        proven_at=time.monotonic(),
    )  # fmt: skip
    lags = {
        "pg2": ReplicaLag("0/1", 128, 0.25, "async", 64),
        "pg3": ReplicaLag("0/1", 0, 0.0, "async", 0),
    }
    publisher = Publisher(tmp_path / "topology.json")
    publisher.publish(encode(topology("demo", state, VIEW, lags, now)))
    node = NodeWatcher(None, tmp_path / "drain", interval=1.0, timeout=1.0, max_age=5.0, token=None)
    node._sight = Sight(
        Answer(time.monotonic(), "pass", free=1, workers=4), Switch.DRAIN, time.time() - 60
    )
    metrics = Metrics("demo")
    metrics.decided(state)
    metrics.probed(ProbeReport(PRIMARY.target, 0.0, ProbeAnswer(False, "7000", 3)), 0.001)
    metrics.published(0.001, written=True)
    certificates = CertificateWatcher([("/etc/etcd.pem", lambda: 2e9)], interval=60.0)
    certificates.look()
    metrics.watch(publisher, node, certificates)
    return metrics.page("")[0].decode()


def samples(page: str) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(page):
        for each in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(each.labels.items()))
            found[f"{each.name}{{{labels}}}" if labels else each.name] = each.value
    return found


def test_the_replicas_the_failover_and_the_node(page: str) -> None:
    found = samples(page)
    assert found["ha_sidecar_replica_lag_bytes{replica=pg2}"] == 128
    assert found["ha_sidecar_replica_timeline{replica=pg3}"] == 3
    # pg3 is level, but barred.
    assert found["ha_sidecar_failover_candidates"] == 1
    assert found["ha_sidecar_failover_loss_bytes"] == 64
    assert found["ha_sidecar_failover_data_loss{loss=likely}"] == 1
    assert found["ha_sidecar_failover_data_loss{loss=none}"] == 0
    assert found["ha_sidecar_node_status{status=fail}"] == 1
    assert found["ha_sidecar_node_draining"] == 1
    assert 59 < found["ha_sidecar_node_draining_seconds"] < 120
    assert found["ha_sidecar_node_workers_free"] == 1


@pytest.mark.parametrize("file", ["odoo-ha.rules.yml", "grafana-dashboard.json"])
def test_what_is_asked_for_is_there(page: str, file: str) -> None:
    asked = set(re.findall(r"\bha_sidecar_\w+", (MONITORING / file).read_text()))
    there = {name.partition("{")[0] for name in samples(page)}
    assert asked
    assert asked <= there
