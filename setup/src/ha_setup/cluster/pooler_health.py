"""Whether a node's PgBouncer serves Odoo."""

from __future__ import annotations

import psycopg2

from ha_setup.cluster import layout as at
from ha_setup.cluster.layout import Host
from ha_setup.cluster.secrets import Secrets


def on_primary(odoo: Host, secrets: Secrets) -> str | None:
    """Whether what comes through the PgBouncer of that Odoo node reaches a primary."""
    try:
        link = psycopg2.connect(
            host=odoo.address,
            port=at.PGBOUNCER_PORT,
            user=at.ODOO_ROLE,
            password=secrets.odoo,
            dbname="postgres",
            connect_timeout=2,
        )
    except psycopg2.Error:
        return f"the PgBouncer of {odoo.name} does not answer"
    try:
        with link.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            row = cursor.fetchone()
    except psycopg2.Error:
        return f"the PgBouncer of {odoo.name} reaches no server"
    finally:
        link.close()
    return None if row and not row[0] else f"the PgBouncer of {odoo.name} is on a replica"
