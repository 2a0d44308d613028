"""What only the process that is asked can tell of the node, as Prometheus's gauges."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from odoo.addons.ha_base.node import node_id
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from .sampler import Samplers


class NodeCollector(Collector):
    """From memory: what the samplers saw, and ``held``, the requests that wait now."""

    def __init__(self, samplers: Samplers, held: int) -> None:
        self._samplers = samplers
        self._held = held

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("odoo_ha_node", "This node.", {"node": node_id()})
        yield _gauge("requests_waiting", "Requests that wait for a database now.", self._held)
        facts, observed_at = self._samplers.main.observed
        yield _gauge(
            "observation_age_seconds", "Age of what follows.", time.monotonic() - observed_at
        )
        yield _gauge("draining", "1 while the node is being drained.", "node:draining" in facts)
        for name, fact in facts.items():
            if name == "node:draining":
                continue
            if isinstance(fact.value, (bool, int, float)):
                yield _gauge(name.replace(":", "_"), f"Health's {name}.", fact.value)
        yield from _roles(self._samplers)
        if self._samplers.main.topology is not None:
            yield from _topology(self._samplers.main.topology)


def _roles(samplers: Samplers) -> Iterator[Metric]:
    shown = GaugeMetricFamily(
        "odoo_ha_database",
        "1 where the database has that role: primary, read_only, standby, none.",
        labels=["server", "role"],
    )
    age = GaugeMetricFamily(
        "odoo_ha_database_look_age_seconds", "Age of the last look.", labels=["server"]
    )
    for name, sampler in (("main", samplers.main), ("replica", samplers.replica)):
        look = sampler.memory.look if sampler else None
        if look is None:
            continue
        role = look.role or "none"
        role = "read_only" if role == "primary" and not look.writable else role
        for one in ("primary", "read_only", "standby", "none"):
            shown.add_metric([name, one], float(one == role))
        age.add_metric([name], time.monotonic() - look.at)
    yield from (shown, age)


def _topology(topology: dict[str, Any]) -> Iterator[Metric]:
    yield _gauge("topology_epoch", "Epoch of the topology document.", topology["epoch"])
    observed_at = datetime.fromisoformat(topology["observed_at"]).timestamp()
    yield _gauge(
        "topology_age_seconds", "Age of the document.", max(0.0, time.time() - observed_at)
    )
    state = GaugeMetricFamily(
        "odoo_ha_topology_state", "1 for the present state.", labels=["state"]
    )
    for one in ("stable", "switching", "lost"):
        state.add_metric([one], float(one == topology["state"]))
    yield state


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"odoo_ha_{name}", about, float(value))
