"""PostgreSQL as such, and a pooler before it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ha_setup.doctor.checks.values import hold_timeout, number, seconds, truth
from ha_setup.doctor.findings import Check, Finding, fail, ok, split, unknown, warn
from ha_setup.doctor.seen import Observation, OdooNode, Postgresql

#: A connection whose other end vanished is found dead within so many seconds.
SOON_S = 30.0


def keepalives(seen: Observation) -> Iterator[Finding]:
    nodes, bad = split(seen, "odoo", seen.odoo)
    yield from bad
    for name, node in nodes.items():
        yield from _client(name, node)
    servers, bad = split(seen, "postgresql", seen.postgresql)
    yield from bad
    hold = hold_timeout(seen)
    for name, server in servers.items():
        yield from _server(name, server, hold)


def _client(name: str, node: OdooNode) -> Iterator[Finding]:
    for key, default in (
        ("database_connect_timeout", 2.0),
        ("database_tcp_user_timeout", 10.0),
        ("database_keepalive_idle", 5.0),
    ):
        value = seconds(node.ha.get(key, ""), default)
        if value > SOON_S:
            yield warn(
                f"{key} is {value:g} s: a silent server is noticed so late",
                f"{key} = {default:g}",
                name,
            )
    several = "," in node.options.get("db_host", "")
    if not several and node.ha.get("database_route") != "pooler":
        yield warn(
            "db_host names one host only: without a sidecar's document there is no other to go to",
            "db_host = all PostgreSQL hosts, separated by commas",
            name,
        )
    if node.environment is None:
        yield unknown("no running Odoo with this odoo.conf is to be seen (run as root?)", name)
    elif several and node.environment.get("PGTARGETSESSIONATTRS") not in ("read-write", "primary"):
        yield fail(
            "PGTARGETSESSIONATTRS isn't read-write: Odoo's first connection may end on a replica",
            "Environment=PGTARGETSESSIONATTRS=read-write in the unit of Odoo",
            name,
        )
    elif not seconds(node.environment.get("PGCONNECT_TIMEOUT", ""), 0.0):
        yield warn(
            "PGCONNECT_TIMEOUT isn't set: at a start a dead host is waited for, for minutes",
            "Environment=PGCONNECT_TIMEOUT=5 in the unit of Odoo",
            name,
        )
    else:
        yield ok("Odoo notices a dead server", name)


def _server(name: str, server: Postgresql, hold: float) -> Iterator[Finding]:
    idle, interval, count = (
        number(server.settings, f"tcp_keepalives_{word}", 0)
        for word in ("idle", "interval", "count")
    )
    dead = idle + interval * count
    if not idle or dead > SOON_S:
        yield fail(
            f"a client that vanished is found after {dead:g} s (tcp_keepalives_idle {idle:g} +"
            f" interval {interval:g} × count {count:g}): so long its row locks stay",
            "`patronictl edit-config -p tcp_keepalives_idle=5 -p tcp_keepalives_interval=2"
            " -p tcp_keepalives_count=3`",
            name,
        )
    sender = number(server.settings, "wal_sender_timeout", 0) / 1000
    if not sender or sender > hold:
        yield fail(
            f"wal_sender_timeout is {sender:g} s: a synchronous replica that hangs holds each COMMIT"
            f" for so long, longer than hold_timeout ({hold:g} s)",
            "`patronictl edit-config -p wal_sender_timeout=10s`",
            name,
        )
    if number(server.settings, "idle_in_transaction_session_timeout", 0):
        yield warn(
            "idle_in_transaction_session_timeout is set: it ends the lock that keeps a long scheduled"
            " action from running twice",
            "`patronictl edit-config -p idle_in_transaction_session_timeout=0`",
            name,
        )
    if not number(server.settings, "tcp_user_timeout", 0) and dead <= SOON_S:
        yield ok(f"a vanished client is found after {dead:g} s", name)
    elif dead <= SOON_S:
        yield ok(f"a vanished client is found after {dead:g} s, tcp_user_timeout is set", name)


def durability(seen: Observation) -> Iterator[Finding]:
    servers, bad = split(seen, "postgresql", seen.postgresql)
    yield from bad
    for name, server in servers.items():
        off = [
            key
            for key in ("fsync", "full_page_writes")
            if not truth(server.settings.get(key, "on"))
        ]
        if off:
            yield fail(
                f"{', '.join(off)} off: a crash of the host destroys data",
                " ".join(["`patronictl edit-config", *(f"-p {key}=on" for key in off)]) + "`",
                name,
            )
        elif not truth(server.settings.get("data_checksums")) and not truth(
            server.settings.get("wal_log_hints")
        ):
            yield fail(
                "neither data checksums nor wal_log_hints: pg_rewind can't bring an old primary back",
                "`patronictl edit-config -p wal_log_hints=on`, and restart the members",
                name,
            )
        else:
            yield ok("fsync, full_page_writes, pg_rewind possible", name)


def pooler(seen: Observation) -> Iterator[Finding]:
    poolers, bad = split(seen, "poolers", seen.poolers)
    yield from bad
    if not seen.poolers and not bad:
        yield ok("there is none")
    for name, pool in poolers.items():
        mode = pool.config.get("pool_mode", "")
        ini = "in pgbouncer.ini, then RELOAD; see docs/pgbouncer.md"
        problems = []
        if pool.pool_modes.get("postgres", mode) != "session":
            problems.append(
                fail(
                    "database postgres isn't pooled by session: the bus and scheduled actions LISTEN"
                    " there, and would hear nothing",
                    f"`postgres = … pool_mode=session` below [databases] {ini}",
                    name,
                )
            )
        if mode not in ("session", "transaction"):
            problems.append(
                fail(f"pool_mode is {mode}", f"pool_mode = session or transaction {ini}", name)
            )
        if mode == "transaction" and pool.config.get("server_reset_query_always") != "1":
            problems.append(
                fail(
                    "server_reset_query_always is off: what one transaction SETs meets another one",
                    f"server_reset_query_always = 1 {ini}",
                    name,
                )
            )
        if number(pool.config, "server_login_retry", 15) > 2:
            problems.append(
                fail(
                    f"server_login_retry is {pool.config.get('server_login_retry')} s: a login that fails"
                    " in a failover keeps everybody out for so long",
                    f"server_login_retry = 1 {ini}",
                    name,
                )
            )
        if number(pool.config, "so_reuseport", 0):
            problems.append(
                fail(
                    "so_reuseport is on: the sidecar reaches one process only",
                    f"so_reuseport = 0 {ini}",
                    name,
                )
            )
        yield from problems or [ok(f"pool_mode {mode}, postgres by session", name)]


CHECKS = (
    Check(
        "keepalives",
        "Is a dead connection noticed soon, on both ends?",
        "A host that vanishes says no goodbye: without keepalives its locks and its clients wait for hours.",
        keepalives,
    ),
    Check(
        "durability",
        "Does PostgreSQL keep what it acknowledges, and can an old primary come back?",
        "No replication helps against a server that forgets in a crash.",
        durability,
    ),
    Check(
        "pgbouncer",
        "Does PgBouncer pool as Odoo needs it?",
        "Pooled by transaction, LISTEN hears nothing; slow to log in again, it makes a failover longer.",
        pooler,
    ),
)
