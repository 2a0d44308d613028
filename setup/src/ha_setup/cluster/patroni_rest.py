"""What is asked of Patroni through its REST API, each within seconds."""

from __future__ import annotations

from typing import Any

import requests

from ha_setup.cluster import health
from ha_setup.cluster import layout as at
from ha_setup.cluster.layout import Layout
from ha_setup.cluster.render_database import dynamic_config
from ha_setup.errors import ClusterError

TIMEOUT_S = 5.0


def url(layout: Layout, node: str) -> str:
    """Address of a node's Patroni."""
    return f"http://{layout.node(node).host.address}:{at.PATRONI_PORT}"


def set_synchronous(layout: Layout, on: bool) -> None:
    """Switch synchronous replication in the configuration that all members share; the rest of it becomes
    what a new cluster would have."""
    for host in layout.pg:
        if _request(layout, "PATCH", host.name, "/config", dynamic_config(synchronous=on)):
            return
    raise ClusterError("no Patroni accepts its configuration: see the logs of pg1 to pg3")


def clone_stuck_replicas(layout: Layout) -> None:
    """Have every replica that does not stream cloned again; nothing that it holds is unique."""
    for member in health.patroni_members(layout):
        if member.get("role") != "leader" and member.get("state") != "streaming":
            _request(layout, "POST", str(member["name"]), "/reinitialize", {"force": True})


def _request(layout: Layout, method: str, node: str, path: str, body: dict[str, Any]) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.request(
                method, url(layout, node) + path, json=body, timeout=TIMEOUT_S
            ).ok
        except requests.RequestException:
            return False
