"""What Prometheus reads at /metrics. Told by the threads, read by the API's.

Times of the monotonic clock come from the caller; seconds since the proof are counted when
somebody asks, so they go on rising while nothing is proven.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from . import __version__
from .certificates import CertificateWatcher
from .cluster import ProbeReport, Source
from .cluster_metrics import ClusterCollector
from .node_watch import NodeWatcher
from .publisher import Publisher
from .state import State
from .transitions import Phase

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

Counts = Mapping[str, int]


class Metrics:
    """All metrics of one sidecar. Each method is for any thread."""

    def __init__(self, scope: str) -> None:
        self._registry = CollectorRegistry()
        self._probe_seconds = Histogram(
            "ha_sidecar_probe_seconds",
            "Time in which the server answered a probe, connecting included.",
            buckets=_FAST,
            registry=self._registry,
        )
        self._probes = Counter(
            "ha_sidecar_probes",
            "Probes by how they ended.",
            ["result"],
            registry=self._registry,
        )
        self._publication_seconds = Histogram(
            "ha_sidecar_publication_seconds",
            "Time in which a document was handed out and written.",
            buckets=_FAST,
            registry=self._registry,
        )
        self._publications_failed = Counter(
            "ha_sidecar_publications_failed",
            "Documents that could not be written to topology_path.",
            registry=self._registry,
        )
        self._live = _Live(scope)
        self._registry.register(self._live)

    def count(self, rereads: Counts, actors: Mapping[str, Counts]) -> None:
        """Show what counts for itself: etcd's re-reads by reason, each actor's results."""
        self._live.rereads = rereads
        self._live.actors = actors

    def watch(
        self, publisher: Publisher, node: NodeWatcher, certificates: CertificateWatcher
    ) -> None:
        """Show what the latest document says of the replicas, and how this node is."""
        self._registry.register(ClusterCollector(publisher, node, certificates))

    def decided(self, state: State) -> None:
        """The driver has come to ``state``."""
        before = self._live.state
        if before is not None and before.memory.primary != state.memory.primary:
            self._live.primary_changes += 1
        self._live.state = state

    def probed(self, report: ProbeReport, took: float) -> None:
        """A probe ended after ``took`` seconds."""
        if report.answer is None:
            self._probes.labels("failed").inc()
            return
        self._probes.labels("replica" if report.answer.in_recovery else "primary").inc()
        self._probe_seconds.observe(took)

    def published(self, took: float, *, written: bool) -> None:
        """A document was handed out in ``took`` seconds; ``written`` to its file, too, or not."""
        self._publication_seconds.observe(took)
        if written:
            self._live.published_at = time.time()
        else:
            self._publications_failed.inc()

    def page(self, accept: str) -> tuple[bytes, str]:
        """Return the page and its content type, for a client that accepts ``accept``."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type


class _Live(Collector):
    """What is read from the latest state at the moment somebody asks."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.state: State | None = None
        self.primary_changes = 0
        self.published_at: float | None = None
        self.rereads: Counts = {}
        self.actors: Mapping[str, Counts] = {}

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "ha_sidecar", "This sidecar.", {"version": __version__, "scope": self.scope}
        )
        yield CounterMetricFamily(
            "ha_sidecar_primary_changes",
            "Changes of the proven primary since the start.",
            self.primary_changes,
        )
        if self.published_at is not None:
            yield GaugeMetricFamily(
                "ha_sidecar_published_timestamp_seconds",
                "When the document was last written (Unix time).",
                self.published_at,
            )
        yield _counts(
            "ha_sidecar_etcd_rereads",
            "Readings of all keys by what ended the watch before.",
            ["reason"],
            [((reason,), n) for reason, n in dict(self.rereads).items()],
        )
        yield _counts(
            "ha_sidecar_actor_results",
            "What actors did: changed, unchanged, failed.",
            ["actor", "result"],
            [
                ((name, result), n)
                for name, results in self.actors.items()
                for result, n in dict(results).items()
            ],
        )
        if self.state is not None:
            yield from _of_state(self.state)


def _of_state(state: State) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "ha_sidecar_epoch", "Epoch in the document; each node's own.", state.memory.epoch
    )
    yield GaugeMetricFamily(
        "ha_sidecar_timeline", "Highest timeline ever proven.", state.memory.highest_timeline
    )
    yield _chosen("ha_sidecar_state", "State in the document.", "state", list(Phase), state.phase)
    yield _chosen(
        "ha_sidecar_source", "Source of the election.", "source", list(Source), state.source
    )
    if state.proven_at is not None:
        yield GaugeMetricFamily(
            "ha_sidecar_seconds_since_proof",
            "Age of the last proof that a server is the primary.",
            time.monotonic() - state.proven_at,
        )


def _counts(
    name: str, about: str, labels: list[str], values: Sequence[tuple[tuple[str, ...], int]]
) -> Metric:
    family = CounterMetricFamily(name, about, labels=labels)
    for texts, value in values:
        family.add_metric(list(texts), value)
    return family


def _chosen(
    name: str, about: str, label: str, choices: Sequence[str], chosen: str | None
) -> Metric:
    family = GaugeMetricFamily(name, f"{about} 1 for the present one, else 0.", labels=[label])
    for choice in choices:
        family.add_metric([choice], float(choice == chosen))
    return family
