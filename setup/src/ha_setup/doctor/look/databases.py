"""PostgreSQL, PgBouncer's console and Odoo's own database, by SQL with timeouts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ha_setup.doctor.look.unlooked import Unlooked
from ha_setup.doctor.seen import OdooDatabase, PgBouncer, Postgresql
from ha_setup.doctor.target import Login, Server, Target

CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_MS = 5000
SETTINGS = (
    "max_connections",
    "superuser_reserved_connections",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_keepalives_count",
    "tcp_user_timeout",
    "wal_sender_timeout",
    "wal_receiver_timeout",
    "synchronous_commit",
    "synchronous_standby_names",
    "wal_log_hints",
    "data_checksums",
    "fsync",
    "full_page_writes",
    "idle_in_transaction_session_timeout",
)


@contextmanager
def _cursor(
    server: Server,
    login: Login | None,
    dbname: str,
    sslmode: str = "prefer",
    *,
    bounded: bool = True,
) -> Iterator[Cursor]:
    if login is None:
        raise Unlooked("no role and password are known for it")
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS}" if bounded else ""
    link = psycopg2.connect(
        host=server.address,
        port=server.port,
        user=login.user,
        password=login.password,
        dbname=dbname,
        sslmode=sslmode,
        connect_timeout=CONNECT_TIMEOUT_S,
        tcp_user_timeout=5000,
        application_name="odoo-ha doctor",
        # What the environment says about sessions is for Odoo.
        target_session_attrs="any",
        options=options,
    )
    link.autocommit = True
    with closing(link), link.cursor() as cursor:
        yield cursor


def _rows(cursor: Cursor, question: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    cursor.execute(question, values)
    return list(cursor.fetchall())


def server(place: Server, target: Target) -> tuple[Postgresql, float]:
    """One PostgreSQL, and how far its clock is ahead."""
    with _cursor(place, target.monitor, "postgres", target.sslmode) as cursor:
        before = time.time()
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp())::float8,"
            " current_setting('server_version_num')::int, pg_is_in_recovery()"
        )
        clock, version, recovery = cursor.fetchone() or (0.0, 0, True)
        skew = float(clock) - (before + time.time()) / 2
        settings = dict(
            _rows(
                cursor,
                "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
                [list(SETTINGS)],
            )
        )
        replicas = _rows(
            cursor,
            "SELECT application_name, sync_state FROM pg_stat_replication WHERE state = 'streaming'",
        )
    return Postgresql(version, not recovery, settings, dict(replicas)), skew


def pooler(place: Server, login: Login | None) -> PgBouncer:
    """One PgBouncer's console. It knows only the simple protocol."""
    with _cursor(place, login, "pgbouncer", "disable", bounded=False) as cursor:
        version = str(_rows(cursor, "SHOW VERSION")[0][0]).removeprefix("PgBouncer ")
        config = {str(row[0]): str(row[1]) for row in _rows(cursor, "SHOW CONFIG")}
        cursor.execute("SHOW DATABASES")
        columns = [column.name for column in cursor.description or ()]
        named = [dict(zip(columns, row, strict=False)) for row in cursor.fetchall()]
    modes = {str(row["name"]): str(row.get("pool_mode") or "") for row in named}
    return PgBouncer(version, config, modes)


def odoo(target: Target) -> OdooDatabase:
    """The apps, and who serves the pools of scheduled actions."""
    if not target.database:
        raise Unlooked("no database is named: set db_name in odoo.conf")
    problems = []
    for place in target.postgresql:
        try:
            with _cursor(place, target.odoo_login, target.database, target.sslmode) as cursor:
                return _odoo(cursor)
        except psycopg2.Error as problem:
            problems.append(f"{place.name}: {str(problem).strip().splitlines()[0]}")
    raise Unlooked("; ".join(problems) or "no PostgreSQL is known")


def _odoo(cursor: Cursor) -> OdooDatabase:
    apps = [
        str(name)
        for (name,) in _rows(
            cursor,
            "SELECT name FROM ir_module_module WHERE state = 'installed' AND name LIKE %s",
            ["ha\\_%"],
        )
    ]
    if "ha_cron_leader" not in apps:
        return OdooDatabase(apps, [], {})
    pools = _rows(cursor, "SELECT DISTINCT job_pool FROM ir_cron WHERE active")
    leases = _rows(
        cursor,
        "SELECT job_pool, holder FROM ha_cron_lease"
        " WHERE expires_at > clock_timestamp() AT TIME ZONE 'UTC'",
    )
    return OdooDatabase(apps, [str(pool or "main") for (pool,) in pools], dict(leases))
