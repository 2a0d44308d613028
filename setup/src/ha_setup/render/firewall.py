"""Who may reach what: one table, from which the firewall's rules and the plan are made. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ha_setup.inventory import Host, Inventory
from ha_setup.inventory.model import Role
from ha_setup.render import ports
from ha_setup.render.files import RenderedFile

RULES = "/etc/odoo-ha/firewall.nft"


@dataclass(frozen=True)
class Link:
    """Hosts with the role `to` listen on these TCP ports for hosts with one of the roles `of`."""

    to: Role
    ports: tuple[int, ...]
    of: tuple[Role, ...]
    what: str


LINKS = (
    Link(
        "etcd",
        (ports.ETCD_CLIENT,),
        ("etcd", "postgresql", "odoo"),
        "etcd, for Patroni and the sidecars",
    ),
    Link("etcd", (ports.ETCD_PEER,), ("etcd",), "etcd's members among themselves"),
    Link("postgresql", (ports.POSTGRESQL,), ("postgresql", "odoo"), "PostgreSQL"),
    Link("postgresql", (ports.PATRONI,), ("postgresql", "odoo"), "Patroni's REST API"),
    Link("redis", (ports.REDIS,), ("redis", "sentinel", "odoo"), "Redis"),
    Link("sentinel", (ports.SENTINEL,), ("sentinel", "odoo"), "Sentinel"),
    Link("odoo", (ports.ODOO, ports.GEVENT), ("balancer",), "Odoo"),
)
#: Where clients of the balancer may come to PostgreSQL.
POSTGRESQL_LINK = Link(
    "postgresql", (ports.POSTGRESQL, ports.PATRONI), ("balancer",), "PostgreSQL, by the balancer"
)


def links(inventory: Inventory) -> Sequence[Link]:
    return (*LINKS, POSTGRESQL_LINK) if inventory.balancer.postgresql_clients else LINKS


def files(inventory: Inventory, host: Host) -> list[RenderedFile]:
    """The rules of one host. They live in a table of their own and touch no other."""
    if not inventory.firewall.enabled:
        return []
    rules = [
        "ct state established,related accept",
        "ct state invalid drop",
        'iif "lo" accept',
        "meta l4proto { icmp, ipv6-icmp } accept",
        _allow(inventory.firewall.ssh_from, (22,), "SSH"),
    ]
    for link in links(inventory):
        if link.to in host.roles:
            sources = [a for a in inventory.addresses(*link.of) if a != host.address]
            if sources:
                rules.append(_allow(sources, link.ports, link.what))
    if "balancer" in host.roles:
        rules += _balancer(inventory, host)
    body = "\n".join(f"        {rule}" for rule in rules)
    text = f"""\
#!/usr/sbin/nft -f
# Written by `odoo-ha render`; change the inventory instead.
table inet odoo_ha
delete table inet odoo_ha
table inet odoo_ha {{
    chain input {{
        type filter hook input priority filter; policy drop;
{body}
    }}
}}
"""
    return [RenderedFile(RULES, text)]


def _balancer(inventory: Inventory, host: Host) -> list[str]:
    balancer = inventory.balancer
    web = (ports.HTTP, ports.HTTPS) if inventory.tls else (ports.HTTP,)
    rules = [_allow(balancer.clients, web, "users")]
    if balancer.postgresql_clients:
        to = (ports.TO_PRIMARY, ports.TO_REPLICAS)
        rules.append(_allow(balancer.postgresql_clients, to, "clients of PostgreSQL"))
    others = [a for a in inventory.addresses("balancer") if a != host.address]
    if balancer.virtual_address and others:
        rules.append(f'ip saddr {{ {", ".join(others)} }} ip protocol vrrp accept comment "VRRP"')
    return rules


def _allow(sources: Sequence[str], to: Sequence[int], what: str) -> str:
    ports_ = ", ".join(str(port) for port in to)
    if list(sources) == ["0.0.0.0/0"]:
        return f'tcp dport {{ {ports_} }} accept comment "{what}"'
    return f'ip saddr {{ {", ".join(sources)} }} tcp dport {{ {ports_} }} accept comment "{what}"'
