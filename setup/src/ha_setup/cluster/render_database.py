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
from ha_setup.render import database as product


def etcd(layout: Layout, parts: Parts, host: Host) -> Launch:
    """One etcd member."""
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
            f"--heartbeat-interval={product.ETCD_HEARTBEAT_MS}",
            f"--election-timeout={product.ETCD_ELECTION_MS}",
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
    """What all members share, kept in etcd."""
    return product.dynamic_config(
        synchronous_mode=synchronous,
        parameters={
            "max_connections": 200,
            "shared_buffers": "128MB",
            "tcp_keepalives_idle": 10,
            "tcp_keepalives_interval": 3,
            "tcp_keepalives_count": 3,
        },
    )
