"""etcd and Patroni with PostgreSQL: how they start and with which configuration. Pure."""

from __future__ import annotations

import json
import platform
from typing import Any

from ha_setup.cluster import layout as at
from ha_setup.cluster.launch import ConfigFile, Launch
from ha_setup.cluster.layout import Host, Layout
from ha_setup.cluster.secrets import Secrets
from ha_setup.parts import Parts


def etcd(layout: Layout, parts: Parts, host: Host) -> Launch:
    """One etcd member. On two busy cores its default election timeout (1 s) is too nervous."""
    peers = ",".join(f"{h.name}=http://{h.address}:{at.ETCD_PEER_PORT}" for h in layout.etcd)
    client = f"http://{host.address}:{at.ETCD_CLIENT_PORT}"
    peer = f"http://{host.address}:{at.ETCD_PEER_PORT}"
    data = layout.data_dir(host.name)
    env = {"ETCD_UNSUPPORTED_ARCH": "arm64"} if platform.machine() == "aarch64" else {}
    return Launch(
        argv=(
            str(parts.etcd),
            f"--name={host.name}",
            f"--data-dir={data}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={peers}",
            f"--initial-cluster-token={layout.name}-{layout.block}",
            "--initial-cluster-state=new",
            "--heartbeat-interval=200",
            "--election-timeout=2000",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=1h",
            "--logger=zap",
            "--log-level=warn",
        ),
        env=env,
        directories=(data,),
    )


def patroni(
    layout: Layout, parts: Parts, secrets: Secrets, host: Host, *, synchronous: bool
) -> Launch:
    """One Patroni node with its PostgreSQL."""
    config = layout.conf_dir(host.name) / "patroni.yml"
    return Launch(
        argv=(str(parts.patroni), str(config)),
        # JSON is YAML: Patroni and patronictl read it as it is.
        files=(
            ConfigFile(
                config,
                json.dumps(
                    patroni_config(layout, parts, secrets, host, synchronous=synchronous), indent=2
                )
                + "\n",
                mode=0o600,
            ),
        ),
        directories=(layout.data_dir(host.name), layout.run_dir(host.name)),
        as_postgres=True,
    )


def patroni_config(
    layout: Layout, parts: Parts, secrets: Secrets, host: Host, *, synchronous: bool
) -> dict[str, Any]:
    postgres = f"{host.address}:{at.PG_PORT}"
    rest = f"{host.address}:{at.PATRONI_PORT}"
    run = str(layout.run_dir(host.name))
    return {
        "scope": at.SCOPE,
        "namespace": at.NAMESPACE,
        "name": host.name,
        "restapi": {"listen": rest, "connect_address": rest},
        "etcd3": {"hosts": [f"{h.address}:{at.ETCD_CLIENT_PORT}" for h in layout.etcd]},
        "bootstrap": {
            "dcs": dynamic_config(synchronous=synchronous),
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
        },
        "postgresql": {
            "listen": postgres,
            "connect_address": postgres,
            "data_dir": str(layout.data_dir(host.name) / "pg"),
            "bin_dir": str(parts.pg_bin),
            "pgpass": f"{run}/pgpass",
            "basebackup": [{"checkpoint": "fast"}],
            # A node that cannot be rewound is cloned again by itself.
            "remove_data_directory_on_rewind_failure": True,
            "remove_data_directory_on_diverged_timelines": True,
            "authentication": {
                "superuser": {"username": "postgres", "password": secrets.postgres},
                "replication": {"username": "replicator", "password": secrets.replication},
                "rewind": {"username": "rewinder", "password": secrets.rewind},
            },
            "parameters": {"unix_socket_directories": run},
            "pg_hba": [
                "local all all scram-sha-256",
                f"host all all {layout.subnet} scram-sha-256",
                f"host replication replicator {layout.subnet} scram-sha-256",
            ],
        },
    }


def dynamic_config(*, synchronous: bool) -> dict[str, Any]:
    """What all members share, kept in etcd: the fastest failover that Patroni allows."""
    return {
        "ttl": 20,
        "loop_wait": 2,
        "retry_timeout": 3,
        "primary_start_timeout": 0,
        # An etcd without quorum leaves the primary as it is, as long as it reaches every member;
        # one that is cut off reaches none, and steps down as ever.
        "failsafe_mode": True,
        "maximum_lag_on_failover": 1048576,
        "synchronous_mode": synchronous,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": {
                "wal_level": "replica",
                "hot_standby": "on",
                "wal_log_hints": "on",
                "max_connections": 200,
                "max_wal_senders": 10,
                "max_replication_slots": 10,
                "wal_keep_size": "256MB",
                "wal_retrieve_retry_interval": "500ms",
                "shared_buffers": "128MB",
                "password_encryption": "scram-sha-256",
                "tcp_keepalives_idle": 10,
                "tcp_keepalives_interval": 3,
                "tcp_keepalives_count": 3,
                "log_line_prefix": "%m [%p] %u@%d %a ",
            },
        },
    }
