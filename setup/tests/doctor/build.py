"""A cluster in which all is well, as the doctor would have seen it; tests change one thing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ha_setup.doctor.checks import CHECKS
from ha_setup.doctor.findings import Finding, judged
from ha_setup.doctor.seen import (
    Bucket,
    Certificate,
    Disk,
    Etcd,
    FileSeen,
    Member,
    Observation,
    OdooDatabase,
    OdooNode,
    Patroni,
    PgBouncer,
    Postgresql,
    Redis,
    Sentinel,
)

DAY = 86_400
HAPROXY = """
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Request-ID %[uuid()]
    retry-on conn-failure empty-response
"""
OPTIONS = {
    "server_wide_modules": "base,rpc,web,ha_base",
    "db_host": "10.0.0.11,10.0.0.12,10.0.0.13",
    "db_password": "digest:1",
    "proxy_mode": "True",
    "workers": "8",
    "max_cron_threads": "1",
    "limit_time_real": "180",
    "limit_time_real_cron": "360",
}
HA = {"hold_timeout": "60", "request_id_header": "X-Request-ID", "s3_bucket": "files"}
SETTINGS = {
    "max_connections": "300",
    "superuser_reserved_connections": "3",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "wal_sender_timeout": "10000",
    "synchronous_commit": "on",
    "synchronous_standby_names": '"pg2"',
    "fsync": "on",
    "full_page_writes": "on",
    "wal_log_hints": "on",
    "idle_in_transaction_session_timeout": "0",
}
CONFIG = {
    "ttl": 20,
    "loop_wait": 2,
    "retry_timeout": 3,
    "primary_start_timeout": 0,
    "failsafe_mode": True,
    "synchronous_mode": True,
}
MEMBERS = (
    Member("pg1", "leader", "running", 4, None),
    Member("pg2", "sync_standby", "streaming", 4, 0),
    Member("pg3", "replica", "streaming", 4, 0),
)
SENTINEL = {"num-other-sentinels": "2", "quorum": "2", "down-after-milliseconds": "1000"}
RIGHTS = dict.fromkeys(("put", "get", "conditional put", "list", "multipart", "delete"))


def node(**changes: Any) -> OdooNode:
    """One Odoo node; `options` and `ha` are added to what it has, None takes a key away."""
    options = _with(OPTIONS, changes.pop("options", {}))
    ha = _with(HA, changes.pop("ha", {}))
    made = OdooNode(
        file="/etc/odoo/odoo.conf",
        options=options,
        ha=ha,
        environment={"PGTARGETSESSIONATTRS": "read-write", "PGCONNECT_TIMEOUT": "2"},
        answers={
            "/web/health": (200, '{"status": "pass"}'),
            "/web/version": (200, '{"version": "19.0"}'),
        },
        topology={"state": "stable", "primary": {"name": "pg1"}},
        topology_age=0.5,
    )
    return replace(made, **changes)


def postgresql(*, primary: bool = False, **settings: str) -> Postgresql:
    replicas = {"pg2": "sync", "pg3": "async"} if primary else {}
    return Postgresql(150018, primary, {**SETTINGS, **settings}, replicas)


def patroni(
    members: tuple[Member, ...] = MEMBERS, *, paused: bool = False, **config: Any
) -> Patroni:
    return Patroni("4.1.5", members, {**CONFIG, **config}, paused)


def redis(role: str = "slave", **config: str) -> Redis:
    info = {"role": role, "redis_version": "7.0.15", "master_link_status": "up"}
    more = {"connected_slaves": "2"} if role == "master" else {}
    said = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec"}
    return Redis({**info, **more}, {**said, **config})


def sentinel(primary: str = "10.0.0.31", quorum: str = "OK 3 usable", **master: str) -> Sentinel:
    return Sentinel("7.0.15", primary, {**SENTINEL, **master}, quorum)


def pooler(mode: str = "session", **config: str) -> PgBouncer:
    said = {"pool_mode": mode, "server_reset_query_always": "1", "server_login_retry": "1"}
    return PgBouncer("1.24.0", {**said, **config}, {"postgres": "session"})


def well(**changes: Any) -> Observation:
    """All is well, but for the changes."""
    seen = Observation(
        rpo=0,
        request_timeout=150.0,
        postgresql={
            "pg1": postgresql(primary=True),
            "pg2": postgresql(),
            "pg3": postgresql(),
        },
        patroni={name: patroni() for name in ("pg1", "pg2", "pg3")},
        etcd={name: Etcd("3.4.23", healthy=True) for name in ("etcd1", "etcd2", "etcd3")},
        redis={"redis1": redis("master"), "redis2": redis(), "redis3": redis()},
        sentinels={name: sentinel() for name in ("redis1", "redis2", "redis3")},
        bucket=Bucket(RIGHTS, "Enabled"),
        odoo={"odoo1": node(), "odoo2": node()},
        balancers={"lb1": HAPROXY},
        database=OdooDatabase(
            ("ha_failover", "ha_cron_leader", "ha_session_redis", "ha_attachment_s3"),
            ("main",),
            {"main": "odoo1"},
        ),
        secrets={"odoo1: /etc/odoo-ha/redis": FileSeen(0o600, "root")},
        disks={"pg1: /var/lib/postgresql": Disk("/var/lib/postgresql", 100 << 30, 50 << 30)},
        certificates={"lb1": Certificate(60 * DAY)},
        clocks={"pg1": 0.1, "S3": -0.4},
    )
    return replace(seen, **changes)


def found(name: str, seen: Observation) -> list[Finding]:
    """What the check of that name says."""
    (check,) = (each for each in CHECKS if each.name == name)
    return list(judged(check, seen))


def _with(base: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    both = {**base, **changes}
    return {name: value for name, value in both.items() if value is not None}
