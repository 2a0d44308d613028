"""A PgBouncer beside each Odoo node, kept on the primary by the node's sidecar. Pure."""

from __future__ import annotations

from pathlib import Path

from ha_setup.cluster import layout as at
from ha_setup.cluster.launch import ConfigFile, Launch
from ha_setup.cluster.layout import Host, Layout
from ha_setup.cluster.secrets import Secrets
from ha_setup.parts import Parts
from ha_setup.render import database as product


def node_name(host: Host) -> str:
    """The PgBouncer beside the Odoo node `host`."""
    return host.name.replace("odoo", "pgbouncer")


def databases_file(layout: Layout, host: Host) -> Path:
    """The included file, which the sidecar rewrites."""
    return layout.run_dir(node_name(host)) / "databases.ini"


def pgbouncer(layout: Layout, parts: Parts, secrets: Secrets, host: Host) -> Launch:
    """One PgBouncer in the foreground. It refuses root."""
    name = node_name(host)
    config = layout.conf_dir(name) / "pgbouncer.ini"
    users = layout.conf_dir(name) / "users.txt"
    databases = databases_file(layout, host)
    accounts = {at.ODOO_ROLE: secrets.odoo, at.PROBE_ROLE: secrets.probe}
    return Launch(
        argv=(str(parts.pgbouncer), str(config)),
        files=(
            ConfigFile(config, configuration(layout, host, users, databases)),
            ConfigFile(users, "".join(f'"{u}" "{p}"\n' for u, p in accounts.items()), mode=0o600),
            ConfigFile(
                databases,
                product.databases(layout.pg[0].address, at.PG_PORT),
                keep=True,
            ),
        ),
        directories=(layout.run_dir(name),),
        as_postgres=True,
    )


def configuration(layout: Layout, host: Host, users: Path, databases: Path) -> str:
    """The text of pgbouncer.ini."""
    return f"""\
%include {databases}
[pgbouncer]
listen_addr = {host.address}
listen_port = {at.PGBOUNCER_PORT}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
admin_users = {at.PROBE_ROLE}
{product.pgbouncer_settings(layout.pooler)}"""


def odoo_options(host: Host) -> dict[str, object]:
    """What differs in odoo.conf."""
    return {"db_host": host.address, "db_port": at.PGBOUNCER_PORT}


def sidecar_settings(layout: Layout, host: Host, password: Path) -> dict[str, object]:
    """How the sidecar reaches the console; `password` is the probe's file."""
    return {
        "pgbouncer_address": f"{host.address}:{at.PGBOUNCER_PORT}",
        "pgbouncer_user": at.PROBE_ROLE,
        "pgbouncer_password_file": str(password),
        "pgbouncer_databases_file": str(databases_file(layout, host)),
    }
