"""The plan's steps from etcd to the proof: what is started where, and how to see that it is well. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ha_setup.inventory import Inventory
from ha_setup.render import ports
from ha_setup.render.words import block, names


def etcd(inventory: Inventory) -> Iterator[str]:
    hosts = inventory.with_role("etcd")
    endpoints = ",".join(f"http://{h.address}:{ports.ETCD_CLIENT}" for h in hosts.values())
    yield f"On {names(hosts)}, all within five minutes, since each waits for a majority:"
    yield ""
    yield block("systemctl enable --now etcd")
    yield ""
    yield "On one of them; every member must be healthy:"
    yield ""
    yield block(f"ETCDCTL_API=3 etcdctl --endpoints={endpoints} endpoint health")


def postgresql(inventory: Inventory) -> Iterator[str]:
    hosts = inventory.with_role("postgresql")
    first, *others = hosts
    validate = "/opt/patroni/bin/patroni --validate-config /etc/patroni/patroni.yml"
    patronictl = "/opt/patroni/bin/patronictl -c /run/patroni/patroni.yml"
    if inventory.postgresql.watchdog != "none":
        yield (
            f"On {names(hosts)}, the watchdog: `modprobe softdog; udevadm trigger /dev/watchdog`."
            " A hardware one is better: take `softdog` out of `/etc/modules-load.d`."
        )
        yield ""
    yield f"Patroni reads its file, now that etcd answers: `{validate}` says nothing on each."
    yield ""
    yield f"On {first}, which becomes the first primary, until `{patronictl} list` shows a leader:"
    yield ""
    yield block("systemctl enable --now patroni")
    yield ""
    yield f"Then the same on {', '.join(others)}: they copy it. All must be `streaming`."
    yield ""
    yield f"The roles of Odoo and the sidecars, on {first}:"
    yield ""
    yield block(
        f"PGPASSWORD=$(cat {inventory.secrets.postgres_superuser}) psql -X -v ON_ERROR_STOP=1"
        f" -h {hosts[first].address} -U postgres -f /etc/odoo-ha/roles.sql"
    )
    yield ""
    yield (
        "What stands under `bootstrap.dcs` in patroni.yml counts at the very first start only; later:"
        f" `{patronictl} edit-config`."
    )


def redis(inventory: Inventory) -> Iterator[str]:
    redis, sentinels = inventory.with_role("redis"), inventory.with_role("sentinel")
    first = next(iter(redis.values()))
    yield f"On {names(redis)}, and after that on {names(sentinels)}:"
    yield ""
    yield block("systemctl enable --now redis-server", "systemctl enable --now redis-sentinel")
    yield ""
    yield f"Each replica must say `master_link_status:up`, each Sentinel name {first.address}:"
    yield ""
    auth = f"REDISCLI_AUTH=$(cat {inventory.secrets.redis})"
    yield block(
        f"{auth} redis-cli -h ADDRESS info replication",
        f"{auth} redis-cli -h ADDRESS -p {ports.SENTINEL}"
        f" sentinel get-master-addr-by-name {inventory.redis.service}",
    )
    yield ""
    yield (
        "Both rewrite their configuration, so theirs is a copy made at the first start, in"
        " `/var/lib/redis` and `/var/lib/redis-sentinel`. A later change of the rendered one is made"
        " there by hand, or by `CONFIG SET` and `CONFIG REWRITE`."
    )


def odoo(inventory: Inventory) -> Iterator[str]:
    odoo = inventory.odoo
    hosts = inventory.with_role("odoo")
    first = next(iter(hosts))
    services = "ha-sidecar pgbouncer" if odoo.pooler != "none" else "ha-sidecar"
    yield (
        f"The bucket `{inventory.s3.bucket}` must exist, versioned, and the key may read, write,"
        " list and delete in it."
    )
    yield ""
    yield f"On {names(hosts)}: the sidecar proves who the primary is:"
    yield ""
    yield block(
        f"systemctl enable --now {services}",
        "ha-sidecar check --config /etc/odoo-ha/sidecar.toml",
    )
    yield ""
    yield f"The database with the suite's apps, once, on {first}; `journalctl -fu odoo-install` tells:"
    yield ""
    yield block("systemctl start odoo-install")
    yield ""
    yield f"It makes the user `admin` with the password `admin`: change it first of all. On {names(hosts)}:"
    yield ""
    yield block("systemctl enable --now odoo")
    yield ""
    yield "Each must answer, by itself, with 200:"
    yield ""
    yield block(
        *(
            f"curl -si http://{h.address}:{ports.GEVENT}/web/health  # from a balancer"
            for h in hosts.values()
        )
    )


def balancers(inventory: Inventory) -> Iterator[str]:
    balancer = inventory.balancer
    services: list[str] = [balancer.software]
    if balancer.postgresql_clients and balancer.software != "haproxy":
        services.append("haproxy")
    if balancer.virtual_address:
        services.append("keepalived")
    yield f"On {names(inventory.with_role('balancer'))}:"
    yield ""
    yield block(f"systemctl enable --now {' '.join(services)}")
    yield ""
    where = (balancer.virtual_address or "").split("/")[0] or "the balancers' addresses"
    if balancer.domain:
        yield f"The name `{balancer.domain}` must lead to {where}."
    else:
        yield f"Users arrive at {where}."


def proof(inventory: Inventory) -> Iterator[str]:
    yield (
        "On an Odoo node, as root, `odoo-ha doctor cluster.yml --through 'ssh root@{address}'` finds"
        " nothing: exit code 0."
    )
    yield ""
    yield (
        "Before people depend on it, with somebody clicking: `ha-sidecar switchover` (see"
        " sidecar/README.md), then the power of the primary's host, of an Odoo host, of the balancer"
        " that has the address. Nobody may see more than a pause."
    )
