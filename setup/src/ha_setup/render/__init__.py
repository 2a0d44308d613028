"""From an inventory to each host's files and a plan in words. Pure: the same input, the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ha_setup.inventory import Host, Inventory
from ha_setup.render import balancers, database, firewall, haproxy, odoo, redis, units
from ha_setup.render.files import RenderedFile
from ha_setup.render.plan import plan

__all__ = ["RenderedFile", "Rendering", "render"]


@dataclass(frozen=True)
class Rendering:
    """`hosts`: the files of each host. `plan`: PLAN.md."""

    hosts: Mapping[str, tuple[RenderedFile, ...]]
    plan: str


def render(inventory: Inventory, *, starter: str, sidecar_unit: str) -> Rendering:
    """`starter` and `sidecar_unit` are the texts of start_with_secrets.py and ha-sidecar.service."""
    hosts = {
        name: (
            *_files(inventory, name, host),
            *units.files(inventory, name, host, starter=starter, sidecar_unit=sidecar_unit),
        )
        for name, host in inventory.hosts.items()
    }
    for name, files in hosts.items():
        paths = [file.path for file in files]
        assert len(paths) == len(set(paths)), f"{name}: a path is rendered twice"
    return Rendering(hosts, plan(inventory))


def _files(inventory: Inventory, name: str, host: Host) -> list[RenderedFile]:
    found: list[RenderedFile] = []
    if "etcd" in host.roles:
        found += database.etcd(inventory, name, host)
    if "postgresql" in host.roles:
        found += database.patroni(inventory, name, host)
    if "redis" in host.roles:
        found += redis.server(inventory, host)
    if "sentinel" in host.roles:
        found += redis.sentinel(inventory, host)
    if "odoo" in host.roles:
        found += [*odoo.odoo(inventory, name, host), *database.pgbouncer(inventory)]
    if "balancer" in host.roles:
        found += haproxy.files(inventory)
        if inventory.balancer.software == "nginx":
            found += balancers.nginx(inventory)
        elif inventory.balancer.software == "traefik":
            found += balancers.traefik(inventory)
        found += balancers.keepalived(inventory, name)
    return [*found, *firewall.files(inventory, host)]
