"""Odoo nodes in both variants, and their sidecars. Pure.

The suite variant is this repository's. The stock variant is the architecture of the usual guides:
HAProxy in front of PostgreSQL, a shared data directory, jobs on the first node only.
"""

from __future__ import annotations

import json
from pathlib import Path

from ha_setup.cluster import layout as at
from ha_setup.cluster import render_haproxy, render_pooler
from ha_setup.cluster.launch import ConfigFile, Launch
from ha_setup.cluster.layout import Host, Layout, Variant
from ha_setup.cluster.secrets import Secrets
from ha_setup.parts import Parts
from ha_setup.render import odoo as product

REQUEST_LIMIT_S = 180


def odoo(
    layout: Layout, parts: Parts, secrets: Secrets, host: Host, *, variant: Variant, addons: Path
) -> Launch:
    """One prefork Odoo node with its gevent process."""
    config = odoo_config_file(layout, host, variant)
    files = [
        ConfigFile(
            config, odoo_config(layout, secrets, host, variant=variant, addons=addons), mode=0o600
        )
    ]
    data = layout.shared_data_dir
    if variant == "suite":
        data = layout.data_dir(host.name)
        files += secret_files(layout, host.name, secrets)
    return Launch(
        argv=(str(parts.odoo_python), str(parts.odoo_script), "-c", str(config)),
        files=tuple(files),
        env=odoo_env(layout, parts, host, variant),
        directories=(data,),
    )


def odoo_config_file(layout: Layout, host: Host, variant: Variant) -> Path:
    return layout.conf_dir(host.name) / f"odoo-{variant}.conf"


def odoo_env(layout: Layout, parts: Parts, host: Host, variant: Variant) -> dict[str, str]:
    """Environment of an Odoo process; secrets are named by their files only."""
    env = {"PYTHONPATH": str(parts.pythonpath), "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    if variant == "suite":
        conf = layout.conf_dir(host.name)
        env |= {
            **product.environment(layout.pooler),
            "ODOO_HA_REDIS_PASSWORD_FILE": str(conf / "redis-password"),
            "ODOO_HA_REDIS_SENTINEL_PASSWORD_FILE": str(conf / "redis-password"),
            "ODOO_HA_S3_SECRET_KEY_FILE": str(conf / "s3-secret-key"),
        }
    return env


def secret_files(layout: Layout, node: str, secrets: Secrets) -> list[ConfigFile]:
    conf = layout.conf_dir(node)
    return [
        ConfigFile(conf / "redis-password", secrets.redis + "\n", mode=0o600),
        ConfigFile(conf / "s3-secret-key", secrets.s3_secret_key + "\n", mode=0o600),
    ]


def odoo_config(
    layout: Layout, secrets: Secrets, host: Host, *, variant: Variant, addons: Path
) -> str:
    """The text of odoo.conf."""
    suite = variant == "suite"
    first = host == layout.odoo[0]
    options: dict[str, object] = {
        "db_host": ",".join(h.address for h in layout.pg) if suite else layout.balancer.address,
        "db_port": at.PG_PORT if suite else at.BALANCER_PG_PORT,
        **(render_pooler.odoo_options(host) if suite and layout.pooler != "none" else {}),
        "db_user": at.ODOO_ROLE,
        "db_password": secrets.odoo,
        "db_name": layout.database(variant),
        "db_maxconn": 16,
        "list_db": False,
        "admin_passwd": secrets.odoo_master,
        "data_dir": layout.data_dir(host.name) if suite else layout.shared_data_dir,
        "http_interface": host.address,
        "http_port": at.ODOO_PORT,
        "gevent_port": at.GEVENT_PORT,
        "proxy_mode": True,
        "workers": at.ODOO_WORKERS,
        # Jobs: the suite elects a leader, so both nodes may; the guides say one node only.
        "max_cron_threads": 1 if suite else (2 if first else 0),
        **product.request_limits(REQUEST_LIMIT_S),
    }
    if suite:
        options["addons_path"] = addons
        options["server_wide_modules"] = product.SERVER_WIDE_MODULES
    lines = ["[options]", *(f"{name} = {value}" for name, value in options.items())]
    if suite:
        lines += [
            "",
            "[ha]",
            *(f"{name} = {value}" for name, value in suite_settings(layout, secrets, host).items()),
        ]
    return "\n".join(lines) + "\n"


def suite_settings(layout: Layout, secrets: Secrets, host: Host) -> dict[str, str]:
    """The [ha] section of a suite node."""
    route = {} if layout.pooler == "none" else {"database_route": "pooler"}
    return route | {
        "node_id": host.name,
        "topology_path": str(layout.topology_path(host.name)),
        "redis_sentinels": ",".join(f"{h.address}:{at.SENTINEL_PORT}" for h in layout.redis),
        "redis_sentinel_service": at.REDIS_SERVICE,
        "s3_endpoint_url": layout.s3_proxy_url,
        "s3_region": "us-east-1",
        "s3_bucket": at.S3_BUCKET,
        "s3_access_key": secrets.s3_access_key,
        "s3_addressing_style": "path",
        "request_id_header": product.REQUEST_ID,
        # How many requests are under way is for who asks a node itself.
        "health_trusted_networks": layout.subnet,
    }


def sidecar(layout: Layout, secrets: Secrets, host: Host, *, command: Path) -> Launch:
    """The sidecar beside the Odoo node `host`."""
    name = host.name.replace("odoo", "sidecar")
    config = layout.conf_dir(name) / "sidecar.toml"
    password = layout.conf_dir(name) / "probe-password"
    run = layout.run_dir(name)
    settings: dict[str, object] = {
        "scope": at.SCOPE,
        # All nodes are on one host.
        "node_name": host.name,
        "namespace": at.NAMESPACE,
        "etcd_endpoints": list(layout.etcd_urls),
        "patroni_urls": [f"http://{h.address}:{at.PATRONI_PORT}" for h in layout.pg],
        "probe_user": at.PROBE_ROLE,
        "probe_password_file": str(password),
        "probe_database": "postgres",
        "topology_path": str(layout.topology_path(host.name)),
        "socket_path": str(run / "sidecar.sock"),
        "socket_orders": ["drain", "switchover"],
        "state_dir": str(layout.data_dir(name)),
        # Both sidecars look after the one balancer.
        "haproxy_sockets": [str(render_haproxy.admin_socket(layout))],
        "haproxy_backend": render_haproxy.POSTGRES_BACKEND,
    }
    if layout.pooler != "none":
        settings |= render_pooler.sidecar_settings(layout, host, password)
    # JSON's strings and lists of strings are TOML's too.
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    return Launch(
        argv=(str(command), "--config", str(config)),
        files=(
            ConfigFile(config, text),
            ConfigFile(password, secrets.probe + "\n", mode=0o600),
        ),
        directories=(run, layout.data_dir(name)),
    )
