"""The demonstration's cluster: everything is on this machine, and its secrets are at hand."""

from __future__ import annotations

from pathlib import Path

from ha_setup.cluster import Cluster
from ha_setup.cluster import layout as at
from ha_setup.cluster.layout import Host, Layout
from ha_setup.cluster.render_haproxy import REQUEST_TIMEOUT_S
from ha_setup.cluster.secrets import FILE_NAME
from ha_setup.doctor.target import HostPlace, Login, S3Place, Server, Target
from ha_setup.errors import ClusterError


def running(cluster: Cluster) -> Cluster:
    """The cluster, from where its addresses are. ClusterError unless it is up with the suite."""
    if not cluster.is_partly_up():
        raise ClusterError(
            f"the cluster in {cluster.layout.directory} is not up: run setup/demo first, or name an"
            " inventory or --config"
        )
    if cluster.variant != "suite":
        raise ClusterError(
            "the cluster runs stock Odoo: a drill with --compare stock left it so; heal it"
        )
    cluster.enter()
    return cluster


def target(cluster: Cluster) -> Target:
    """What the doctor looks at. The cluster must run the suite."""
    layout, secrets = cluster.layout, cluster.secrets
    pooled = layout.pooler != "none"
    return Target(
        title=f"the cluster in {layout.directory}",
        rpo=0 if cluster.synchronous else None,
        request_timeout=REQUEST_TIMEOUT_S,
        postgresql=_servers(layout.pg, at.PG_PORT),
        monitor=Login("postgres", secrets.postgres),
        database=layout.database("suite"),
        odoo_login=Login(at.ODOO_ROLE, secrets.odoo),
        patroni=tuple((h.name, f"http://{h.address}:{at.PATRONI_PORT}") for h in layout.pg),
        etcd=tuple((h.name, f"http://{h.address}:{at.ETCD_CLIENT_PORT}") for h in layout.etcd),
        redis=_servers(layout.redis, at.REDIS_PORT),
        sentinels=_servers(layout.redis, at.SENTINEL_PORT),
        redis_service=at.REDIS_SERVICE,
        redis_password=secrets.redis,
        sentinel_password=secrets.redis,
        s3=S3Place(
            bucket=at.S3_BUCKET,
            endpoint=layout.s3_proxy_url,
            region="us-east-1",
            addressing_style="path",
            login=Login(secrets.s3_access_key, secrets.s3_secret_key),
        ),
        poolers=_servers(layout.odoo, at.PGBOUNCER_PORT) if pooled else (),
        pooler_login=Login(at.PROBE_ROLE, secrets.probe),
        hosts=(
            *(_odoo(layout, host) for host in layout.odoo),
            *(_database(layout, host) for host in layout.pg),
            *(_redis(layout, host) for host in layout.redis),
            HostPlace("haproxy", balancer=str(layout.conf_dir("haproxy") / "haproxy.cfg")),
            HostPlace("passwords", secrets=(str(layout.secrets_dir / FILE_NAME),)),
        ),
    )


def _servers(hosts: tuple[Host, ...], port: int) -> tuple[Server, ...]:
    return tuple(Server(host.name, host.address, port) for host in hosts)


def _odoo(layout: Layout, host: Host) -> HostPlace:
    conf = layout.conf_dir(host.name)
    sidecar = layout.conf_dir(host.name.replace("odoo", "sidecar"))
    config = str(conf / "odoo-suite.conf")
    return HostPlace(
        host.name,
        configs=(config,),
        topology=str(layout.topology_path(host.name)),
        secrets=_paths(
            conf / "odoo-suite.conf",
            conf / "redis-password",
            conf / "s3-secret-key",
            sidecar / "probe-password",
        ),
        disks=_paths(layout.data_dir(host.name)),
        urls=(
            f"http://{host.address}:{at.GEVENT_PORT}/web/health",
            f"http://{host.address}:{at.ODOO_PORT}/web/version",
        ),
    )


def _database(layout: Layout, host: Host) -> HostPlace:
    return HostPlace(
        host.name,
        secrets=_paths(layout.conf_dir(host.name) / "patroni.yml"),
        disks=_paths(layout.data_dir(host.name)),
    )


def _redis(layout: Layout, host: Host) -> HostPlace:
    sentinel = layout.conf_dir(host.name.replace("redis", "sentinel"))
    return HostPlace(
        host.name,
        secrets=_paths(layout.conf_dir(host.name) / "redis.conf", sentinel / "sentinel.conf"),
        disks=_paths(layout.data_dir(host.name)),
    )


def _paths(*paths: Path) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)
