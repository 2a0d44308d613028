"""redis.conf and sentinel.conf. Both programs rewrite theirs: these are what they begin with. Pure."""

from __future__ import annotations

from ha_setup.inventory import Host, Inventory
from ha_setup.render import ports
from ha_setup.render.files import RenderedFile, secret

REDIS_TEMPLATE = "/etc/redis/odoo-ha-redis.conf"
SENTINEL_TEMPLATE = "/etc/redis/odoo-ha-sentinel.conf"
REDIS_FILE = "/var/lib/redis/redis.conf"
SENTINEL_FILE = "/var/lib/redis-sentinel/sentinel.conf"

#: What every Redis of the suite begins with.
SERVER_SETTINGS = (
    "appendonly yes",
    "appendfsync everysec",
    'save ""',
    # A session must expire, never be thrown out for room.
    "maxmemory-policy noeviction",
    "tcp-keepalive 10",
    "repl-ping-replica-period 1",
    "repl-timeout 10",
    "repl-diskless-sync yes",
    "repl-diskless-sync-delay 0",
)


def sentinel_watch(service: str, address: str, port: int, quorum: int, password: str) -> list[str]:
    """A primary that is silent for a second is replaced."""
    return [
        f"sentinel monitor {service} {address} {port} {quorum}",
        f"sentinel auth-pass {service} {password}",
        f"sentinel down-after-milliseconds {service} 1000",
        f"sentinel failover-timeout {service} 6000",
        f"sentinel parallel-syncs {service} 2",
    ]


def server(inventory: Inventory, host: Host) -> list[RenderedFile]:
    """One Redis. The first host begins as primary; later the Sentinels decide."""
    first = inventory.addresses("redis")[0]
    password = secret("redis")
    lines = [
        "# What redis.conf begins with; Redis then writes who is primary into its own copy of it.",
        f"bind {host.address}",
        f"port {ports.REDIS}",
        f"requirepass {password}",
        f"masterauth {password}",
        f"replica-announce-ip {host.address}",
        "dir /var/lib/redis",
        "logfile /var/log/odoo-ha/redis/redis.log",
        f"maxmemory {host.memory // 2}",
        *SERVER_SETTINGS,
        # A replica that lost its primary answers nobody with old sessions.
        "replica-serve-stale-data no",
    ]
    if host.address != first:
        lines.append(f"replicaof {first} {ports.REDIS}")
    return [
        RenderedFile(REDIS_TEMPLATE, "\n".join(lines) + "\n"),
        RenderedFile("/etc/sysctl.d/60-odoo-ha-redis.conf", "vm.overcommit_memory = 1\n"),
    ]


def sentinel(inventory: Inventory, host: Host) -> list[RenderedFile]:
    """One Sentinel."""
    password = secret("redis")
    quorum = len(inventory.with_role("sentinel")) // 2 + 1
    lines = [
        "# What sentinel.conf begins with; Sentinel writes what it learns into its own copy of it.",
        f"bind {host.address}",
        f"port {ports.SENTINEL}",
        f"requirepass {password}",
        f"sentinel sentinel-pass {password}",
        "dir /var/lib/redis-sentinel",
        "logfile /var/log/odoo-ha/redis-sentinel/sentinel.log",
        f"sentinel announce-ip {host.address}",
        *sentinel_watch(
            inventory.redis.service,
            inventory.addresses("redis")[0],
            ports.REDIS,
            quorum,
            password,
        ),
    ]
    return [RenderedFile(SENTINEL_TEMPLATE, "\n".join(lines) + "\n")]
