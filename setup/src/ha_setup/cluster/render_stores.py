"""Redis with its Sentinels, and S3: how they start and with which configuration. Pure."""

from __future__ import annotations

import json
from pathlib import Path

from ha_setup.cluster import layout as at
from ha_setup.cluster.launch import ConfigFile, Launch
from ha_setup.cluster.layout import Host, Layout
from ha_setup.cluster.secrets import Secrets
from ha_setup.parts import Parts
from ha_setup.render import redis as product

#: Redis and Sentinel write their configuration anew, with the passwords in it.
REWRITES_PASSWORDS = 0o077


def redis(layout: Layout, parts: Parts, secrets: Secrets, host: Host) -> Launch:
    """One Redis. The first host begins as primary; later the Sentinels decide and rewrite the file."""
    config = layout.conf_dir(host.name) / "redis.conf"
    data = layout.data_dir(host.name)
    lines = [
        f"bind {host.address}",
        f"port {at.REDIS_PORT}",
        f"requirepass {secrets.redis}",
        f"masterauth {secrets.redis}",
        f"replica-announce-ip {host.address}",
        f'dir "{data}"',
        "daemonize no",
        *product.SERVER_SETTINGS,
    ]
    first = layout.redis[0]
    if host != first:
        lines.append(f"replicaof {first.address} {at.REDIS_PORT}")
    return Launch(
        argv=(str(parts.redis_server), str(config)),
        files=(ConfigFile(config, "\n".join(lines) + "\n", mode=0o600, keep=True),),
        directories=(data,),
        umask=REWRITES_PASSWORDS,
    )


def sentinel(layout: Layout, parts: Parts, secrets: Secrets, host: Host) -> Launch:
    """One Sentinel of three."""
    name = host.name.replace("redis", "sentinel")
    config = layout.conf_dir(name) / "sentinel.conf"
    data = layout.data_dir(name)
    service = at.REDIS_SERVICE
    lines = [
        f"bind {host.address}",
        f"port {at.SENTINEL_PORT}",
        f"requirepass {secrets.redis}",
        f'dir "{data}"',
        "daemonize no",
        f"sentinel announce-ip {host.address}",
        *product.sentinel_watch(service, layout.redis[0].address, at.REDIS_PORT, 2, secrets.redis),
    ]
    return Launch(
        argv=(str(parts.redis_server), str(config), "--sentinel"),
        files=(ConfigFile(config, "\n".join(lines) + "\n", mode=0o600, keep=True),),
        directories=(data,),
        umask=REWRITES_PASSWORDS,
    )


def s3_proxy(layout: Layout, python: Path) -> Launch:
    """What Odoo reaches S3 through. It begins without a fault."""
    place = (layout.s3.address, str(at.S3_PROXY_PORT), layout.s3_url)
    return Launch(
        argv=(str(python), "-m", "ha_setup.s3_proxy", *place),
        directories=(layout.run_dir("s3proxy"),),
    )


def s3(layout: Layout, parts: Parts, secrets: Secrets) -> Launch:
    """SeaweedFS with its S3 gateway and one account."""
    host = layout.s3
    config = layout.conf_dir(host.name) / "s3.json"
    data = layout.data_dir(host.name)
    run = layout.run_dir(host.name)
    ports = layout.s3_ports
    identity = {
        "name": "odoo",
        "credentials": [{"accessKey": secrets.s3_access_key, "secretKey": secrets.s3_secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    return Launch(
        argv=(
            str(parts.weed),
            "-logtostderr=true",
            "server",
            f"-dir={data}",
            f"-ip={host.address}",
            f"-ip.bind={host.address}",
            f"-master.port={ports.master}",
            f"-master.port.grpc={ports.master_grpc}",
            f"-volume.port={ports.volume}",
            f"-volume.port.grpc={ports.volume_grpc}",
            "-filer",
            f"-filer.port={ports.filer}",
            f"-filer.port.grpc={ports.filer_grpc}",
            f"-filer.localSocket={run}/filer.sock",
            "-s3",
            f"-s3.port={at.S3_PORT}",
            f"-s3.port.grpc={ports.s3_grpc}",
            f"-s3.localSocket={run}/s3.sock",
            f"-s3.config={config}",
            "-volume.max=20",
            "-volume.preStopSeconds=1",
            "-master.electionTimeout=1s",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64",
        ),
        files=(ConfigFile(config, json.dumps({"identities": [identity]}, indent=1), mode=0o600),),
        directories=(data, run),
    )
