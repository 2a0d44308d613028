"""What an inventory must be as a whole: one function for each rule. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface

from ha_setup.inventory.model import Inventory, Role
from ha_setup.inventory.problems import Problem

#: How long Patroni takes at most to replace a lost primary (its ttl), with room for the promotion.
FAILOVER_S = 30.0
#: Role → how many hosts it takes, and why.
FEWEST: dict[Role, tuple[int, str]] = {
    "odoo": (2, "with one, its loss is an outage"),
    "postgresql": (2, "with one there is nothing to fail over to"),
    "etcd": (3, "with fewer, the loss of one ends all elections"),
    "redis": (2, "with one, its loss is an outage"),
    "sentinel": (3, "with fewer, the loss of one ends all failovers"),
    "balancer": (1, "it is where users arrive"),
}


def problems(inventory: Inventory) -> list[Problem]:
    """Everything that is wrong."""
    return [problem for rule in RULES for problem in rule(inventory)]


def addresses_are_unique(inventory: Inventory) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name, host in inventory.hosts.items():
        other = first.setdefault(host.address, name)
        if other != name:
            yield Problem(
                ("hosts", name, "address"),
                f"hosts.{name} has the address of hosts.{other}, {host.address}:"
                " give each host its own, or one host both roles",
            )


def roles_are_filled(inventory: Inventory) -> Iterator[Problem]:
    for role, (fewest, why) in FEWEST.items():
        count = len(inventory.with_role(role))
        if count == 0:
            yield Problem(
                ("hosts",), f"no host has the role {role}: give it to at least {fewest}, {why}"
            )
        elif count < fewest:
            yield Problem(
                ("hosts", next(iter(inventory.with_role(role)))),
                f"the role {role} needs at least {fewest} hosts, not {count}: {why}",
            )
    for name, host in inventory.hosts.items():
        if not host.roles:
            yield Problem(("hosts", name), f"hosts.{name} has no role: give it one, or remove it")
        for role in sorted({r for r in host.roles if host.roles.count(r) > 1}):
            yield Problem(("hosts", name, "roles"), f"hosts.{name} has the role {role} twice")


def voters_are_odd(inventory: Inventory) -> Iterator[Problem]:
    voting: tuple[Role, ...] = ("etcd", "sentinel")
    for role in voting:
        voters = inventory.with_role(role)
        if len(voters) >= FEWEST[role][0] and len(voters) % 2 == 0:
            yield Problem(
                ("hosts", list(voters)[-1], "roles"),
                f"{len(voters)} hosts have the role {role}: an even number survives no more losses"
                f" than {len(voters) - 1}, and can be split in halves; make it {len(voters) - 1}"
                f" or {len(voters) + 1}",
            )


def rpo_is_kept(inventory: Inventory) -> Iterator[Problem]:
    postgresql, nodes = inventory.postgresql, inventory.with_role("postgresql")
    if postgresql.rpo == 0 and postgresql.replication == "asynchronous":
        yield Problem(
            ("postgresql", "replication"),
            "postgresql.rpo is 0, but asynchronous replication loses the last acknowledged writes in"
            " a crash: set replication to synchronous, or rpo to what may be lost, such as 1MB",
        )
    if postgresql.replication != "asynchronous" and 1 < len(nodes) < 3:
        yield Problem(
            ("hosts", list(nodes)[-1]),
            f"postgresql.replication is {postgresql.replication}, but there is only one replica: when"
            " it is away no write is confirmed by a second host, and an RPO of 0 is lost; give"
            " three hosts the role postgresql",
        )
    if postgresql.strict and postgresql.replication == "asynchronous":
        yield Problem(
            ("postgresql", "strict"),
            "postgresql.strict needs replication: synchronous or quorum",
        )


def times_fit(inventory: Inventory) -> Iterator[Problem]:
    odoo, balancer = inventory.odoo, inventory.balancer
    hold = odoo.hold_timeout
    if hold < FAILOVER_S:
        yield Problem(
            ("odoo", "hold_timeout"),
            f"odoo.hold_timeout ({hold:g} s) is shorter than a failover may take: make it"
            f" {FAILOVER_S:g} s or more",
        )
    if hold >= balancer.request_timeout:
        yield Problem(
            ("odoo", "hold_timeout"),
            f"odoo.hold_timeout ({hold:g} s) isn't below balancer.request_timeout"
            f" ({balancer.request_timeout:g} s): the balancer would give up on a request that is held;"
            f" lower it, or raise request_timeout above {hold:g} s",
        )
    if hold >= odoo.limit_time_real:
        yield Problem(
            ("odoo", "hold_timeout"),
            f"odoo.hold_timeout ({hold:g} s) isn't below odoo.limit_time_real"
            f" ({odoo.limit_time_real:g} s): the worker would be ended while it holds a request;"
            f" lower it, or raise limit_time_real above {hold:g} s",
        )
    if balancer.software == "haproxy" and balancer.queue_timeout < hold:
        yield Problem(
            ("balancer", "queue_timeout"),
            f"balancer.queue_timeout ({balancer.queue_timeout:g} s) is below odoo.hold_timeout"
            f" ({hold:g} s): requests behind the held ones would be answered 503; raise it",
        )


def virtual_address_is_free_and_reachable(inventory: Inventory) -> Iterator[Problem]:
    if inventory.balancer.virtual_address is None:
        return
    where = ("balancer", "virtual_address")
    virtual = IPv4Interface(inventory.balancer.virtual_address)
    balancers = inventory.with_role("balancer")
    if len(balancers) == 1:
        yield Problem(
            where,
            "balancer.virtual_address moves between balancers, and there is one: give a second host"
            " the role balancer, or remove it",
        )
    for name, host in inventory.hosts.items():
        if host.address == str(virtual.ip):
            yield Problem(
                where,
                f"balancer.virtual_address {virtual.ip} is the address of hosts.{name}:"
                " it must be one that no host has",
            )
    for name, host in balancers.items():
        if IPv4Interface(f"{host.address}/32").ip not in virtual.network:
            yield Problem(
                where,
                f"balancer.virtual_address {virtual} lies outside the network of hosts.{name}"
                f" ({host.address}): choose one in it, or mend the prefix's length",
            )
        if host.interface is None:
            yield Problem(
                ("hosts", name),
                f"hosts.{name}.interface is missing: name the interface that takes"
                " balancer.virtual_address, such as eth0",
            )


def settings_are_where_they_count(inventory: Inventory) -> Iterator[Problem]:
    for name, host in inventory.hosts.items():
        if host.workers is not None and "odoo" not in host.roles:
            yield Problem(
                ("hosts", name, "workers"), f"hosts.{name}.workers is for hosts with the role odoo"
            )
        if host.interface is not None and "balancer" not in host.roles:
            yield Problem(
                ("hosts", name, "interface"),
                f"hosts.{name}.interface is for hosts with the role balancer",
            )
    balancer = inventory.balancer
    if balancer.software == "traefik" and balancer.domain is None:
        yield Problem(("balancer", "domain"), "balancer.domain is missing: Traefik needs it")
    if not inventory.odoo.addons_path:
        yield Problem(
            ("odoo", "addons_path"),
            "odoo.addons_path is empty: name the directory of the suite's addons",
        )


RULES: tuple[Callable[[Inventory], Iterator[Problem]], ...] = (
    addresses_are_unique,
    roles_are_filled,
    voters_are_odd,
    rpo_is_kept,
    times_fit,
    virtual_address_is_free_and_reachable,
    settings_are_where_they_count,
)
