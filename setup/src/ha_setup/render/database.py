"""patroni.yml, etcd and PgBouncer. The values are those with which the drills are run. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ha_setup.inventory import Host, Inventory
from ha_setup.inventory.model import workers
from ha_setup.render import ports
from ha_setup.render.files import LIBRARY, RenderedFile, secret

NAMESPACE = "/service/"
PROBE_ROLE = "ha_sidecar"
ODOO_ROLE = "odoo"
PGBOUNCER_DATABASES = "/var/lib/ha-sidecar/pgbouncer-databases.ini"
#: PgBouncer's server links of each database. In session mode each connection of Odoo holds one.
POOL_SIZE = {"session": 60, "transaction": 20}
#: Connections that one process of Odoo has open at a time, those of the suite's threads included.
CONNECTIONS_PER_PROCESS = 4
#: On two busy cores etcd's default election timeout (1 s) is too nervous.
ETCD_HEARTBEAT_MS = 200
ETCD_ELECTION_MS = 2000


def dynamic_config(
    *,
    synchronous_mode: bool | str,
    parameters: Mapping[str, object],
    strict: bool = False,
    maximum_lag: int = 1 << 20,
) -> dict[str, Any]:
    """What all members share, kept in etcd: the fastest failover that Patroni allows."""
    return {
        "ttl": 20,
        "loop_wait": 2,
        "retry_timeout": 3,
        # A crashed primary is replaced at once, not restarted in place.
        "primary_start_timeout": 0,
        # An etcd without quorum leaves the primary as it is, as long as it reaches every member;
        # one that is cut off reaches none, and steps down as ever.
        "failsafe_mode": True,
        "maximum_lag_on_failover": maximum_lag,
        "synchronous_mode": synchronous_mode,
        **({"synchronous_mode_strict": True} if strict else {}),
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": {
                "wal_level": "replica",
                "hot_standby": "on",
                "wal_log_hints": "on",
                "max_wal_senders": 10,
                "max_replication_slots": 10,
                "wal_keep_size": "256MB",
                "wal_retrieve_retry_interval": "500ms",
                "password_encryption": "scram-sha-256",
                "log_line_prefix": "%m [%p] %u@%d %a ",
                **parameters,
            },
        },
    }


def pgbouncer_settings(pool_mode: str) -> str:
    """The lines of pgbouncer.ini that don't depend on the host: see docs/pgbouncer.md."""
    return f"""\
pool_mode = {pool_mode}
default_pool_size = {POOL_SIZE[pool_mode]}
max_client_conn = 500
server_connect_timeout = 2
server_login_retry = 1
# In transaction mode too: what one transaction SETs must not stay for another's.
server_reset_query_always = 1
ignore_startup_parameters = extra_float_digits,options
"""


def databases(address: str, port: int) -> str:
    """What PgBouncer includes until the sidecar rewrites it. `postgres` is pooled by session, always."""
    where = f"host={address} port={port}"
    return f"[databases]\n* = {where}\npostgres = {where} pool_mode=session\n"


def connections(inventory: Inventory) -> int:
    """PostgreSQL's max_connections: what all processes of all Odoo nodes may use, and some more."""
    processes = sum(
        workers(host) + inventory.odoo.cron_threads + 4
        for host in inventory.with_role("odoo").values()
    )
    return max(200, CONNECTIONS_PER_PROCESS * processes + 50)


def patroni(inventory: Inventory, name: str, host: Host) -> list[RenderedFile]:
    """patroni.yml (JSON is YAML), the roles to make once, and what keeps Debian from its own cluster."""
    return [
        RenderedFile(
            "/etc/patroni/patroni.yml",
            json.dumps(patroni_config(inventory, name, host), indent=2) + "\n",
        ),
        RenderedFile("/etc/odoo-ha/roles.sql", _roles(inventory)),
        RenderedFile(
            "/etc/postgresql-common/createcluster.d/odoo-ha.conf",
            "# Patroni makes the cluster.\ncreate_main_cluster = false\n",
        ),
        *(
            [
                RenderedFile("/etc/modules-load.d/odoo-ha-watchdog.conf", "softdog\n"),
                RenderedFile(
                    "/etc/udev/rules.d/60-odoo-ha-watchdog.rules",
                    'KERNEL=="watchdog", OWNER="postgres", GROUP="postgres", MODE="0600"\n',
                ),
            ]
            if inventory.postgresql.watchdog != "none"
            else []
        ),
    ]


def patroni_config(inventory: Inventory, name: str, host: Host) -> dict[str, Any]:
    postgresql = inventory.postgresql
    modes: dict[str, bool | str] = {
        "synchronous": True,
        "quorum": "quorum",
        "asynchronous": False,
    }
    node = f"{host.address}:{ports.POSTGRESQL}"
    rest = f"{host.address}:{ports.PATRONI}"
    megabyte = 1 << 20
    return {
        "scope": inventory.cluster,
        "namespace": NAMESPACE,
        "name": name,
        "restapi": {
            "listen": rest,
            "connect_address": rest,
            "authentication": {"username": "patroni", "password": secret("patroni_api")},
        },
        "etcd3": {"hosts": [f"{a}:{ports.ETCD_CLIENT}" for a in inventory.addresses("etcd")]},
        "bootstrap": {
            "dcs": dynamic_config(
                synchronous_mode=modes[postgresql.replication],
                strict=postgresql.strict,
                maximum_lag=postgresql.rpo or megabyte,
                parameters={
                    "max_connections": connections(inventory),
                    # The row locks and links of a host that vanished are free after 11 s.
                    "tcp_keepalives_idle": 5,
                    "tcp_keepalives_interval": 2,
                    "tcp_keepalives_count": 3,
                    "tcp_user_timeout": 10000,
                    "wal_receiver_timeout": "10s",
                    "wal_sender_timeout": "10s",
                },
            ),
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
        },
        "postgresql": {
            "listen": node,
            "connect_address": node,
            "data_dir": postgresql.data_dir,
            "bin_dir": f"/usr/lib/postgresql/{postgresql.version}/bin",
            "pgpass": "/run/patroni/pgpass",
            "basebackup": [{"checkpoint": "fast"}],
            # A node that cannot be rewound is cloned again by itself.
            "remove_data_directory_on_rewind_failure": True,
            "remove_data_directory_on_diverged_timelines": True,
            "authentication": {
                role: {"username": user, "password": secret(f"postgres_{role}")}
                for role, user in (
                    ("superuser", "postgres"),
                    ("replication", "replicator"),
                    ("rewind", "rewinder"),
                )
            },
            "parameters": {
                "unix_socket_directories": "/run/postgresql",
                "shared_buffers": f"{host.memory // 4 // megabyte}MB",
                "effective_cache_size": f"{host.memory * 3 // 4 // megabyte}MB",
                "logging_collector": "on",
                "log_directory": postgresql.log_dir,
                "log_filename": "postgresql-%a.log",
                "log_truncate_on_rotation": "on",
                "log_rotation_age": "1d",
                "log_rotation_size": 0,
            },
            "pg_hba": _pg_hba(inventory),
        },
        "watchdog": {
            "mode": "off" if postgresql.watchdog == "none" else postgresql.watchdog,
            "device": "/dev/watchdog",
            "safety_margin": 5,
        },
    }


def _pg_hba(inventory: Inventory) -> list[str]:
    """Each role from the hosts that need it."""
    members = inventory.addresses("postgresql")
    lines = ["local all postgres peer"]
    lines += [f"host replication replicator {a}/32 scram-sha-256" for a in members]
    lines += [f"host all all {a}/32 scram-sha-256" for a in members]
    lines += [
        f"host all {role} {a}/32 scram-sha-256"
        for a in inventory.addresses("odoo")
        if a not in members
        for role in (ODOO_ROLE, PROBE_ROLE)
    ]
    if inventory.balancer.postgresql_clients:
        lines += [
            f"host all all {a}/32 scram-sha-256"
            for a in inventory.addresses("balancer")
            if a not in members
        ]
    return lines


def _roles(inventory: Inventory) -> str:
    """psql reads the passwords itself: they are on no command line."""
    secrets = inventory.secrets
    statements = [
        "-- Roles of Odoo and of the sidecars; run once, on the primary. PLAN.md says how."
    ]
    for role, rights, file in (
        (ODOO_ROLE, "LOGIN CREATEDB", secrets.odoo_database),
        (PROBE_ROLE, "LOGIN CONNECTION LIMIT 20", secrets.probe),
    ):
        statements += [
            f"\\set password `cat {file}`",
            f"SELECT 'CREATE ROLE {role}' WHERE to_regrole('{role}') IS NULL \\gexec",
            f"ALTER ROLE {role} {rights} PASSWORD :'password';",
        ]
    checkpoint = ", pg_checkpoint" if inventory.postgresql.version >= 15 else ""
    return "\n".join([*statements, f"GRANT pg_monitor{checkpoint} TO {PROBE_ROLE};", ""])


def etcd(inventory: Inventory, name: str, host: Host) -> list[RenderedFile]:
    """One etcd member."""
    client = f"http://{host.address}:{ports.ETCD_CLIENT}"
    peer = f"http://{host.address}:{ports.ETCD_PEER}"
    config = {
        "name": name,
        "data-dir": f"/var/lib/etcd/{inventory.cluster}",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": ",".join(
            f"{n}=http://{h.address}:{ports.ETCD_PEER}"
            for n, h in inventory.with_role("etcd").items()
        ),
        "initial-cluster-token": inventory.cluster,
        "initial-cluster-state": "new",
        "heartbeat-interval": ETCD_HEARTBEAT_MS,
        "election-timeout": ETCD_ELECTION_MS,
        # With a file etcd 3.4 leaves the gateway out, through which Patroni and the sidecars speak.
        "enable-grpc-gateway": True,
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1h",
        "logger": "zap",
        "log-level": "warn",
    }
    return [RenderedFile("/etc/etcd/etcd.yml", json.dumps(config, indent=2) + "\n")]


def pgbouncer(inventory: Inventory) -> list[RenderedFile]:
    """The PgBouncer beside each Odoo node, kept on the primary by the node's sidecar."""
    if inventory.odoo.pooler == "none":
        return []
    first = inventory.addresses("postgresql")[0]
    users = "".join(
        f'"{user}" "{secret(name)}"\n'
        for user, name in ((ODOO_ROLE, "odoo_database"), (PROBE_ROLE, "probe"))
    )
    text = f"""\
; Written by `odoo-ha render`; change the inventory instead.
%include {PGBOUNCER_DATABASES}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {ports.PGBOUNCER}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = /run/pgbouncer/userlist.txt
admin_users = {PROBE_ROLE}
{pgbouncer_settings(inventory.odoo.pooler)}"""
    return [
        RenderedFile("/etc/pgbouncer/pgbouncer.ini", text),
        RenderedFile("/etc/pgbouncer/userlist.in", users),
        RenderedFile(f"{LIBRARY}/pgbouncer-databases.first", databases(first, ports.POSTGRESQL)),
        RenderedFile(
            "/etc/tmpfiles.d/odoo-ha-pgbouncer.conf",
            "# The sidecar rewrites it; this is what PgBouncer begins with.\n"
            "d /var/lib/ha-sidecar 0750 ha-sidecar ha-sidecar\n"
            f"C {PGBOUNCER_DATABASES} 0640 ha-sidecar ha-sidecar -"
            f" {LIBRARY}/pgbouncer-databases.first\n",
        ),
    ]
