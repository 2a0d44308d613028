"""From a node to the way it is started. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ha_setup.cluster import (
    render_database,
    render_haproxy,
    render_odoo,
    render_pooler,
    render_stores,
)
from ha_setup.cluster.launch import Launch
from ha_setup.cluster.layout import Host, Layout, Node, Variant
from ha_setup.cluster.secrets import Secrets
from ha_setup.parts import Parts

REPOSITORY = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class Plan:
    """Everything that the nodes' configuration depends on. `tools` holds the command ha-sidecar."""

    layout: Layout
    parts: Parts
    secrets: Secrets
    tools: Path
    addons: Path = REPOSITORY / "addons"

    def odoo(self, host: Host, variant: Variant) -> Launch:
        return render_odoo.odoo(
            self.layout, self.parts, self.secrets, host, variant=variant, addons=self.addons
        )

    def launch(self, node: Node, *, variant: Variant, synchronous: bool) -> Launch:
        """How to start `node`."""
        layout, parts, secrets, host = self.layout, self.parts, self.secrets, node.host
        match node.kind:
            case "etcd":
                return render_database.etcd(layout, parts, host)
            case "pg":
                return render_database.patroni(
                    layout, parts, secrets, host, synchronous=synchronous
                )
            case "redis":
                return render_stores.redis(layout, parts, secrets, host)
            case "sentinel":
                return render_stores.sentinel(layout, parts, secrets, host)
            case "s3":
                return render_stores.s3(layout, parts, secrets)
            case "s3proxy":
                return render_stores.s3_proxy(layout, self.tools / "python")
            case "sidecar":
                return render_odoo.sidecar(layout, secrets, host, command=self.tools / "ha-sidecar")
            case "odoo":
                return self.odoo(host, variant)
            case "pgbouncer":
                return render_pooler.pgbouncer(layout, parts, secrets, host)
            case "haproxy":
                return render_haproxy.haproxy(layout, parts)
            case _:
                raise ValueError(f"a node of kind {node.kind!r} cannot be started")
