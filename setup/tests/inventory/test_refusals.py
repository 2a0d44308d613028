"""A bad inventory is refused, with the file, the line, the reason and the remedy."""

from __future__ import annotations

import pytest

from ha_setup.inventory import EXAMPLE, InventoryError, load

TEXT = EXAMPLE.read_text(encoding="utf-8")
SECRET = "hunter2-never-shown"

# what is wrong: (what stands in the example, what stands there instead, a part of the line that must
# be named, words of the message)
CASES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "unknown key": (
        "  hold_timeout: 60s",
        "  hold_timeot: 60s",
        "hold_timeot",
        ("odoo.hold_timeot is no setting", "did you mean hold_timeout?"),
    ),
    "unknown section": (
        "firewall:\n",
        "firewal:\n",
        "firewal:",
        ("firewal is no setting", "did you mean firewall?"),
    ),
    "unknown role": (
        "roles: [odoo], cpus: 4, memory: 16GB}\n  odoo2",
        "roles: [oddo], cpus: 4, memory: 16GB}\n  odoo2",
        "oddo",
        ("hosts.odoo1.roles[0]", "did you mean odoo?"),
    ),
    "two nodes one address": (
        "address: 10.0.0.22",
        "address: 10.0.0.21",
        "odoo2:",
        ("hosts.odoo2 has the address of hosts.odoo1, 10.0.0.21", "give each host its own"),
    ),
    "two nodes one name": (
        "  odoo2: {",
        "  odoo1: {",
        "10.0.0.22",
        ("odoo1 stands here for the second time", "another name"),
    ),
    "even etcd count": (
        "pg3: {address: 10.0.0.13, roles: [postgresql, etcd]",
        "pg4: {address: 10.0.0.14, roles: [etcd]}\n  pg3: {address: 10.0.0.13, roles: [postgresql, etcd]",
        "pg3:",
        ("4 hosts have the role etcd", "make it 3 or 5"),
    ),
    "two etcd": (
        "pg3: {address: 10.0.0.13, roles: [postgresql, etcd]",
        "pg3: {address: 10.0.0.13, roles: [postgresql]",
        "pg1:",
        ("etcd needs at least 3 hosts, not 2",),
    ),
    "even count of Sentinels": (
        "  redis3: {",
        "  redis4: {address: 10.0.0.34, roles: [sentinel]}\n  redis3: {",
        "redis3:",
        ("4 hosts have the role sentinel", "make it 3 or 5"),
    ),
    "RPO 0 without synchronous mode": (
        "replication: synchronous",
        "replication: asynchronous",
        "replication: asynchronous",
        ("postgresql.rpo is 0", "set replication to synchronous", "1MB"),
    ),
    "RPO 0 with too few replicas": (
        "pg3: {address: 10.0.0.13, roles: [postgresql, etcd]",
        "pg3: {address: 10.0.0.13, roles: [etcd]",
        "pg2:",
        ("only one replica", "three hosts the role postgresql"),
    ),
    "hold budget over the balancer's timeout": (
        "hold_timeout: 60s",
        "hold_timeout: 150s",
        "hold_timeout: 150s",
        ("balancer.request_timeout (150 s)", "raise request_timeout above 150 s"),
    ),
    "hold budget over Odoo's limit": (
        "hold_timeout: 60s",
        "hold_timeout: 60s\n  limit_time_real: 60s",
        "hold_timeout: 60s",
        ("odoo.limit_time_real (60 s)", "raise limit_time_real above 60 s"),
    ),
    "hold budget below a failover": (
        "hold_timeout: 60s",
        "hold_timeout: 10s",
        "hold_timeout: 10s",
        ("shorter than a failover may take", "30 s or more"),
    ),
    "queue shorter than the hold budget": (
        "request_timeout: 150s",
        "queue_timeout: 30s",
        "queue_timeout: 30s",
        ("below odoo.hold_timeout (60 s)", "raise it"),
    ),
    "missing role": (
        "roles: [balancer], interface: eth0}",
        "roles: [redis]}",
        "hosts:",
        ("no host has the role balancer",),
    ),
    "host without a role": (
        "redis3: {address: 10.0.0.33, roles: [redis, sentinel]}",
        "redis3: {address: 10.0.0.33, roles: [redis, sentinel]}\n  idle: {address: 10.0.0.99, roles: []}",
        "idle:",
        ("hosts.idle has no role",),
    ),
    "secret given as a value": (
        "firewall:\n",
        f"secrets:\n  redis: {SECRET}\nfirewall:\n",
        "redis: hunter",
        ("secrets.redis should be the path of the file", "must not stand in an inventory"),
    ),
    "secret where there is no setting": (
        "hold_timeout: 60s",
        f"password: {SECRET}",
        "password:",
        ("odoo.password is no setting", "section secrets"),
    ),
    "secret in an address": (
        "https://s3.example.com",
        f"https://odoo:{SECRET}@s3.example.com",
        "endpoint:",
        ("s3.endpoint should be an address", "without user and password"),
    ),
    "malformed address": (
        "address: 10.0.0.22",
        "address: 10.0.0.522",
        "10.0.0.522",
        ("hosts.odoo2.address is '10.0.0.522', should be an IPv4 address",),
    ),
    "malformed size": (
        "memory: 16GB}\n  odoo2",
        "memory: 16}\n  odoo2",
        "odoo1:",
        ("hosts.odoo1.memory is 16, should be a size with its unit",),
    ),
    "malformed name": (
        "  odoo2: {",
        "  odoo_2: {",
        "odoo_2:",
        ("a host's name of small letters",),
    ),
    "virtual address of a host": (
        "10.0.0.100/24",
        "10.0.0.11/24",
        "virtual_address:",
        ("is the address of hosts.pg1",),
    ),
    "virtual address outside": (
        "10.0.0.100/24",
        "10.0.9.100/24",
        "virtual_address:",
        ("outside the network of hosts.lb1",),
    ),
    "virtual address without a prefix": (
        "10.0.0.100/24",
        "10.0.0.100",
        "virtual_address:",
        ("with the length of its network's prefix",),
    ),
    "virtual address without interfaces": (
        "lb2: {address: 10.0.0.6, roles: [balancer], interface: eth0}",
        "lb2: {address: 10.0.0.6, roles: [balancer]}",
        "lb2:",
        ("hosts.lb2.interface is missing",),
    ),
    "virtual address for one balancer": (
        "  lb2: {address: 10.0.0.6, roles: [balancer], interface: eth0}\n",
        "",
        "virtual_address:",
        ("there is one",),
    ),
    "setting on a host of another role": (
        "redis1: {",
        "redis1: {workers: 4, ",
        "redis1:",
        ("workers is for hosts with the role odoo",),
    ),
    "missing setting": (
        "  bucket: odoo-attachments\n",
        "",
        "s3:",
        ("s3.bucket is missing", "Such as odoo-attachments"),
    ),
    "a word in a path": (
        "/etc/odoo-ha/tls/odoo.pem",
        "/etc/odoo ha/odoo.pem; daemon",
        "certificate:",
        ("tls.certificate", "an absolute path"),
    ),
    "a section that is none": ("cluster: odoo-cluster", "cluster: [a]", "cluster:", ("one word",)),
    "not YAML": ("odoo:\n", "odoo: {\n", "hold_timeout:", ("this isn't YAML",)),
    "a reference": ("cluster: odoo-cluster", "cluster: *name", "cluster:", ("write it out",)),
}


@pytest.mark.parametrize(("old", "new", "line", "said"), CASES.values(), ids=CASES)
def test_refused_with_line_reason_and_remedy(
    old: str, new: str, line: str, said: tuple[str, ...]
) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new)
    lines = list(enumerate(text.splitlines(), 1))
    number = next(
        (n for n, each in lines if each.strip().startswith(line)),
        next(n for n, each in lines if line in each),
    )
    with pytest.raises(InventoryError) as caught:
        load(text, "cluster.yml")
    message = str(caught.value)
    named = [each for each in message.splitlines() if each.startswith(f"cluster.yml:{number}: ")]
    assert any(all(part in each for part in said) for each in named), message
    assert SECRET not in message


def test_every_problem_is_told_at_once() -> None:
    text = TEXT.replace("10.0.0.22", "10.0.0.21").replace("hold_timeout: 60s", "hold_timeout: 5m")
    with pytest.raises(InventoryError) as caught:
        load(text, "cluster.yml")
    message = str(caught.value)
    assert "hosts.odoo2" in message
    assert "request_timeout" in message
    assert "limit_time_real" in message
    assert len(message.splitlines()) == 5


@pytest.mark.parametrize(
    "text", ["", "[]", "odoo", "3", "- a", "{}", "\t", "a: b: c", "? [a]\n: 1"]
)
def test_anything_else_is_refused_too(text: str) -> None:
    with pytest.raises(InventoryError, match=r"cluster\.yml:1: "):
        load(text, "cluster.yml")


def test_the_example_is_good_and_says_what_the_guide_recommends() -> None:
    inventory = load(TEXT, "example.yml")
    counts = {
        role: len(inventory.with_role(role))
        for role in ("odoo", "postgresql", "etcd", "balancer", "redis", "sentinel")
    }
    assert list(counts.values()) == [2, 3, 3, 2, 3, 3]
    assert inventory.postgresql.rpo == 0


def test_asynchronous_with_a_stated_loss_is_allowed() -> None:
    text = TEXT.replace("replication: synchronous", "replication: asynchronous")
    inventory = load(text.replace("rpo: 0 ", "rpo: 4MB "), "cluster.yml")
    assert inventory.postgresql.rpo == 4 << 20
