"""The cluster of an inventory, as `odoo-ha render` lays it out.

The doctor runs on an Odoo node, as root: that reaches every server and has most secrets. What stands
on other hosts is asked through a command such as `ssh root@{address}`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import psutil

from ha_setup.doctor.target import HostPlace, Login, S3Place, Server, Target, TlsPlace
from ha_setup.errors import SetupError
from ha_setup.inventory import Host, Inventory
from ha_setup.inventory.model import Role
from ha_setup.render import ports
from ha_setup.render.database import ODOO_ROLE, PROBE_ROLE
from ha_setup.render.plan import needed_secrets
from ha_setup.render.redis import REDIS_FILE, SENTINEL_FILE

TOPOLOGY = "/run/odoo-ha/topology.json"
CONFIGS = ("/run/odoo/odoo.conf", "/etc/odoo/odoo.conf")
NO_WAY = "its files are on another host: say --through 'ssh root@{address}'"
CONFIGURATION = {
    "haproxy": "/etc/haproxy/haproxy.cfg",
    "nginx": "/etc/nginx/nginx.conf",
    "traefik": "/etc/traefik/dynamic/odoo.yml",
}


def target(
    inventory: Inventory, *, secrets: Path | None = None, through: str | None = None
) -> Target:
    """What the doctor looks at. `secrets` is a directory with a file for each secret, by its name in the
    inventory; without it they are where the inventory has them, on this host. SetupError."""
    value = _reader(inventory, secrets)
    place = _way(through)
    pooled = inventory.odoo.pooler != "none"
    s3 = inventory.s3
    redis_password = value("redis")
    return Target(
        title=f"the cluster {inventory.cluster}",
        rpo=inventory.postgresql.rpo,
        request_timeout=inventory.balancer.request_timeout,
        postgresql=_servers(inventory, "postgresql", ports.POSTGRESQL),
        monitor=Login(PROBE_ROLE, value("probe")),
        database=inventory.odoo.database,
        odoo_login=Login(ODOO_ROLE, value("odoo_database")),
        patroni=_urls(inventory, "postgresql", ports.PATRONI),
        etcd=_urls(inventory, "etcd", ports.ETCD_CLIENT),
        redis=_servers(inventory, "redis", ports.REDIS),
        sentinels=_servers(inventory, "sentinel", ports.SENTINEL),
        redis_service=inventory.redis.service,
        redis_password=redis_password,
        sentinel_password=redis_password,
        s3=S3Place(
            bucket=s3.bucket,
            endpoint=s3.endpoint,
            region=s3.region,
            addressing_style=s3.addressing_style,
            login=Login(s3.access_key, value("s3_secret_key")) if s3.access_key else None,
        ),
        poolers=tuple(
            Server(name, "127.0.0.1" if _is_here(host) else host.address, ports.PGBOUNCER)
            for name, host in inventory.with_role("odoo").items()
            if pooled
        ),
        pooler_login=Login(PROBE_ROLE, value("probe")),
        hosts=tuple(_host(inventory, name, host, place) for name, host in inventory.hosts.items()),
        certificates=_certificates(inventory),
    )


def _reader(inventory: Inventory, directory: Path | None) -> Callable[[str], str]:
    def value(name: str) -> str:
        file = directory / name if directory else Path(getattr(inventory.secrets, name))
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(
                f"the secret {name} can't be read from {file}"
                f" ({getattr(error, 'strerror', None) or 'no text'}): run the doctor as root on an"
                " Odoo node, or name a directory with the secrets' files by --secrets"
            ) from None

    return value


def _way(through: str | None) -> Callable[[str, Host], tuple[tuple[str, ...], str]]:
    """How a host's files are reached: the words before `python3`, or why not."""

    def way(name: str, host: Host) -> tuple[tuple[str, ...], str]:
        if through is not None:
            try:
                words = through.format(host=name, address=host.address)
            except (KeyError, IndexError, ValueError):
                raise SetupError(
                    "--through may name {host} and {address}, such as 'ssh root@{address}'"
                ) from None
            return tuple(shlex.split(words)), ""
        return (), "" if _is_here(host) else NO_WAY

    return way


def _is_here(host: Host) -> bool:
    return any(
        address.address == host.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
    )


def _host(
    inventory: Inventory,
    name: str,
    host: Host,
    way: Callable[[str, Host], tuple[tuple[str, ...], str]],
) -> HostPlace:
    through, unseen = way(name, host)
    roles = set(host.roles)
    odoo = "odoo" in roles
    disks: list[str] = []
    secrets = list(needed_secrets(inventory, host).values())
    if odoo:
        disks.append(inventory.odoo.data_dir)
        secrets.append(CONFIGS[0])
    if "postgresql" in roles:
        disks.append(inventory.postgresql.data_dir)
        secrets.append("/run/patroni/patroni.yml")
    if "etcd" in roles:
        disks.append("/var/lib/etcd")
    if "redis" in roles:
        disks.append("/var/lib/redis")
        secrets.append(REDIS_FILE)
    if "sentinel" in roles:
        secrets.append(SENTINEL_FILE)
    if "balancer" in roles and inventory.tls:
        secrets.append(inventory.tls.certificate)
    return HostPlace(
        name,
        through=through,
        unseen=unseen,
        configs=CONFIGS if odoo else (),
        topology=TOPOLOGY if odoo else "",
        secrets=tuple(dict.fromkeys(secrets)),
        disks=tuple(dict.fromkeys(disks)),
        balancer=CONFIGURATION[inventory.balancer.software] if "balancer" in roles else "",
        urls=(
            f"http://{host.address}:{ports.GEVENT}/web/health",
            f"http://{host.address}:{ports.ODOO}/web/version",
        )
        if odoo
        else (),
    )


def _certificates(inventory: Inventory) -> tuple[TlsPlace, ...]:
    if inventory.tls is None:
        return ()
    return tuple(
        TlsPlace(name, host.address, ports.HTTPS, inventory.balancer.domain or name)
        for name, host in inventory.with_role("balancer").items()
    )


def _servers(inventory: Inventory, role: Role, port: int) -> tuple[Server, ...]:
    hosts = inventory.with_role(role)
    return tuple(Server(name, host.address, port) for name, host in hosts.items())


def _urls(inventory: Inventory, role: Role, port: int) -> tuple[tuple[str, str], ...]:
    servers = _servers(inventory, role, port)
    return tuple((s.name, f"http://{s.address}:{s.port}") for s in servers)
