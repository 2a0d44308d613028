"""What /metrics tells of the replicas, of a failover now, and of this node."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .certificates import CertificateWatcher, Expiry
from .node import Switch
from .node_watch import NodeWatcher
from .outlook import DataLoss
from .publisher import Publisher


class ClusterCollector(Collector):
    """Read from the latest document and the node's watcher, at the moment somebody asks."""

    def __init__(
        self, publisher: Publisher, node: NodeWatcher, certificates: CertificateWatcher
    ) -> None:
        self._publisher = publisher
        self._node = node
        self._certificates = certificates

    def collect(self) -> Iterator[Metric]:
        document = self._publisher.document
        if document is not None:
            topology = json.loads(document)
            yield from _replicas(topology["replicas"])
            yield from _failover(topology["failover"])
        yield from _node(self._node.status(time.monotonic()))
        yield _certificates(self._certificates.seen)

    def describe(self) -> Iterator[Metric]:
        """Nothing is known when it is registered."""
        return iter(())


def _replicas(replicas: Sequence[Mapping[str, Any]]) -> Iterator[Metric]:
    figures = {
        "lag_bytes": "Bytes of WAL that the replica still has to replay.",
        "lag_seconds": "Seconds that the replica is behind.",
        "timeline": "Timeline that the replica follows.",
        "sync": "1 for a synchronous replica.",
    }
    for name, about in figures.items():
        family = GaugeMetricFamily(f"ha_sidecar_replica_{name}", about, labels=["replica"])
        for replica in replicas:
            if replica[name] is not None:
                family.add_metric([replica["name"]], float(replica[name]))
        yield family
    yield _gauge("replicas", "Replicas that Patroni knows.", len(replicas))


def _failover(failover: Mapping[str, Any]) -> Iterator[Metric]:
    yield _gauge(
        "failover_candidates",
        "Replicas that could take over now.",
        len(failover["candidates"]),
    )
    loss = GaugeMetricFamily(
        "ha_sidecar_failover_data_loss",
        "What a failover now would lose of acknowledged writes. 1 for the present one, else 0.",
        labels=["loss"],
    )
    for choice in DataLoss:
        loss.add_metric([choice], float(choice == failover["data_loss"]))
    yield loss
    if failover["loss_bytes"] is not None:
        yield _gauge(
            "failover_loss_bytes",
            "Bytes of WAL that the best candidate lacks.",
            failover["loss_bytes"],
        )


def _certificates(seen: Sequence[Expiry]) -> Metric:
    family = GaugeMetricFamily(
        "ha_sidecar_certificate_expiry_timestamp_seconds",
        "When a certificate expires (Unix time).",
        labels=["certificate"],
    )
    for one in seen:
        if one.expires is not None:
            family.add_metric([one.name], one.expires)
    return family


def _node(known: Mapping[str, Any]) -> Iterator[Metric]:
    status = GaugeMetricFamily(
        "ha_sidecar_node_status", "How this node's Odoo is. 1 for the present one, else 0.",
        labels=["status"],
    )  # fmt: skip
    if known["age_seconds"] is not None:
        for choice in ("pass", "warn", "fail"):
            status.add_metric([choice], float(choice == known["status"]))
        yield _gauge("node_answer_age_seconds", "Age of Odoo's last answer.", known["age_seconds"])
    yield status
    yield _gauge(
        "node_draining", "1 while this node is being drained.", known["switch"] != Switch.OFF
    )
    if known["switched_seconds"] is not None:
        yield _gauge("node_draining_seconds", "For how long it is.", known["switched_seconds"])
    for name in ("workers", "workers_free"):
        if known[name] is not None:
            yield _gauge(f"node_{name}", "Odoo's workers, as it tells.", known[name])


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ha_sidecar_{name}", about, float(value))
