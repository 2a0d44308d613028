"""odoo.conf and the sidecar's sidecar.toml. Pure."""

from __future__ import annotations

import json

from ha_setup.inventory import Host, Inventory
from ha_setup.inventory.model import workers
from ha_setup.render import ports
from ha_setup.render.database import NAMESPACE, ODOO_ROLE, PGBOUNCER_DATABASES, PROBE_ROLE
from ha_setup.render.files import RenderedFile, secret

SERVER_WIDE_MODULES = "base,rpc,web,ha_base"
REQUEST_ID = "X-Request-ID"
SIDECAR_FILE = "/etc/odoo-ha/sidecar.toml"


def request_limits(limit_time_real: float) -> dict[str, object]:
    """`limit_time_real`, in seconds, is above hold_timeout: a worker that holds a request isn't stuck."""
    limit = f"{limit_time_real:g}"
    return {
        "limit_time_real": limit,
        "limit_time_real_cron": f"{2 * limit_time_real:g}",
        "limit_time_cpu": limit,
    }


def environment(pooler: str) -> dict[str, str]:
    """Odoo's first connections come before any addon is loaded: libpq must find the primary by itself.
    A pooler tells libpq what its server was when it first met it."""
    return {
        "PGTARGETSESSIONATTRS": "read-write" if pooler == "none" else "any",
        "PGCONNECT_TIMEOUT": "2",
    }


def odoo(inventory: Inventory, name: str, host: Host) -> list[RenderedFile]:
    """odoo.conf of one node."""
    odoo = inventory.odoo
    pooled = odoo.pooler != "none"
    options: dict[str, object] = {
        "server_wide_modules": SERVER_WIDE_MODULES,
        "addons_path": ",".join(odoo.addons_path),
        "data_dir": odoo.data_dir,
        "db_host": "127.0.0.1" if pooled else ",".join(inventory.addresses("postgresql")),
        "db_port": ports.PGBOUNCER if pooled else ports.POSTGRESQL,
        "db_user": ODOO_ROLE,
        "db_password": secret("odoo_database"),
        "db_name": odoo.database,
        "db_maxconn": 16,
        "list_db": False,
        "admin_passwd": secret("odoo_master"),
        "proxy_mode": True,
        "http_interface": host.address,
        "http_port": ports.ODOO,
        "gevent_port": ports.GEVENT,
        # The balancer sends a node as many requests at a time as it has workers.
        "workers": workers(host),
        # On each node: the suite elects the one that uses them.
        "max_cron_threads": odoo.cron_threads,
        **request_limits(odoo.limit_time_real),
        "logfile": "/var/log/odoo-ha/odoo/odoo.log",
    }
    text = "\n".join(
        [
            "# Written by `odoo-ha render`; change the inventory instead.",
            "[options]",
            *(f"{key} = {value}" for key, value in options.items()),
            "",
            "[ha]",
            *(f"{key} = {value}" for key, value in suite_settings(inventory, name).items()),
            "",
        ]
    )
    return [
        RenderedFile("/etc/odoo/odoo.conf", text),
        RenderedFile(SIDECAR_FILE, sidecar(inventory)),
    ]


def suite_settings(inventory: Inventory, name: str) -> dict[str, object]:
    """The [ha] section of a node. The secrets come from files: see its unit."""
    s3 = inventory.s3
    settings: dict[str, object] = {
        "node_id": name,
        "hold_timeout": f"{inventory.odoo.hold_timeout:g}",
    }
    if inventory.odoo.pooler != "none":
        settings["database_route"] = "pooler"
    if inventory.balancer.software != "traefik":
        settings["request_id_header"] = REQUEST_ID
    settings["redis_sentinels"] = ",".join(
        f"{address}:{ports.SENTINEL}" for address in inventory.addresses("sentinel")
    )
    settings["redis_sentinel_service"] = inventory.redis.service
    if s3.endpoint:
        settings["s3_endpoint_url"] = s3.endpoint
    settings |= {"s3_region": s3.region, "s3_bucket": s3.bucket}
    if s3.access_key:
        settings["s3_access_key"] = s3.access_key
    settings["s3_addressing_style"] = s3.addressing_style
    return settings


def sidecar(inventory: Inventory) -> str:
    """sidecar.toml, the same on each node. Its unit names the password's file anew."""
    settings: dict[str, object] = {
        "scope": inventory.cluster,
        "namespace": NAMESPACE,
        "etcd_endpoints": [f"http://{a}:{ports.ETCD_CLIENT}" for a in inventory.addresses("etcd")],
        "patroni_urls": [f"http://{a}:{ports.PATRONI}" for a in inventory.addresses("postgresql")],
        "probe_user": PROBE_ROLE,
        "probe_password_file": inventory.secrets.probe,
    }
    if inventory.odoo.pooler != "none":
        settings |= {
            "pgbouncer_address": f"127.0.0.1:{ports.PGBOUNCER}",
            "pgbouncer_user": PROBE_ROLE,
            "pgbouncer_password_file": inventory.secrets.probe,
            "pgbouncer_databases_file": PGBOUNCER_DATABASES,
        }
    # JSON's strings and lists of strings are TOML's too.
    return "# Written by `odoo-ha render`; change the inventory instead.\n" + "".join(
        f"{key} = {json.dumps(value)}\n" for key, value in settings.items()
    )
