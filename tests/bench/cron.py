"""How soon another node runs the scheduled actions: ``python -m tests.bench.cron [--json FILE]``.

Three nodes; the leader is killed, drained (SIGTERM) or frozen again and again. Then what an idle
node asks of each database: statements of the keepers in PostgreSQL's own log, for one database
and for many.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import psycopg2.extensions

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

from .report import conclude, percentile

RUNS = int(os.environ.get("HA_BENCH_RUNS", "20"))
MANY = int(os.environ.get("HA_BENCH_DATABASES", "100"))
IDLE_S = float(os.environ.get("HA_BENCH_IDLE", "60"))
LEASE_S = 15.0
FREEZE_LEASE_S = 5.0
KEEPER = re.compile(r"\|odoo-ha cron (\w+)[^|]*\|(\w+)\|.*statement: ")


def node(postgres: Postgres, name: str, dbname: str, lease: float, **options: object) -> OdooServer:
    return OdooServer(
        postgres,
        dbname,
        variant="suite",
        workers=1,
        ha={"node_id": name, "cron_lease": lease, "topology_path": "/nonexistent"},
        options={"log_level": "warn", "max_cron_threads": 1, **options},
    )


class Watch:
    """Reads the lease, again and again, on one connection."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self.connection = connection

    def holder(self) -> str | None:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT split_part(holder, '/', 1) FROM ha_cron_lease WHERE job_pool = 'main'"
                " AND expires_at > clock_timestamp() AT TIME ZONE 'UTC'"
            )
            row = cursor.fetchone()
        return row[0] if row else None

    def reason(self) -> str:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT reason FROM ha_cron_lease WHERE job_pool = 'main'")
            return str(cursor.fetchone()[0])  # type: ignore[index]


def measure(
    postgres: Postgres, lease: float, runs: int, fault: Callable[[OdooServer], None]
) -> tuple[list[float], Counter[str]]:
    """Seconds from the fault until another node holds the lease, and the reasons it gives."""
    taken: list[float] = []
    reasons: Counter[str] = Counter()
    with ExitStack() as running:
        nodes = {f"n{number}": node(postgres, f"n{number}", "bench", lease) for number in (1, 2, 3)}
        for one in nodes.values():
            running.enter_context(one)
        connection = postgres.connect("bench")
        running.callback(connection.close)
        watch = Watch(connection)
        for _ in range(runs):
            wait_until(watch.holder, timeout=60, what="a leader")
            time.sleep(3)  # the others have heard who leads
            before = watch.holder()
            assert before is not None
            started = time.monotonic()
            fault(nodes[before])
            wait_until(
                lambda before=before: watch.holder() not in (None, before),  # type: ignore[misc]
                timeout=60,
                what="another leader",
                interval=0.005,
            )
            taken.append(time.monotonic() - started)
            reasons[watch.reason()] += 1
            nodes[before].thaw()
            nodes[before].process.stop(timeout=30)
            nodes[before].start(timeout=120)
    return taken, reasons


def kill(server: OdooServer) -> None:
    for process in server.process.tree():
        process.kill()


def statements(postgres: Postgres, dbname: str, seconds: float) -> Counter[tuple[str, str]]:
    """Count the keepers' statements by (node, database) for so long."""
    for setting in ("log_statement = 'all'", "log_line_prefix = '|%a|%d|'"):
        postgres.execute(f"ALTER SYSTEM SET {setting}")
    postgres.execute("SELECT pg_reload_conf()")
    time.sleep(1)
    start = len(postgres.process.log_text())
    time.sleep(seconds)
    text = postgres.process.log_text()[start:]
    postgres.execute("ALTER SYSTEM RESET ALL")
    postgres.execute("SELECT pg_reload_conf()")
    return Counter(KEEPER.findall(text))


def idle(postgres: Postgres) -> Counter[tuple[str, str]]:
    """Of three nodes on one database."""
    with ExitStack() as running:
        for number in (1, 2, 3):
            running.enter_context(node(postgres, f"n{number}", "bench", LEASE_S))
        time.sleep(10)
        return statements(postgres, "bench", IDLE_S)


def many(postgres: Postgres) -> tuple[Counter[tuple[str, str]], int]:
    """Of one node on many databases, all of which it leads; and how many it led at the end."""
    names = [f"many{number}" for number in range(MANY)]
    for name in names:
        postgres.execute(f'CREATE DATABASE "{name}" TEMPLATE bench OWNER odoo')
    server = node(postgres, "n1", "", LEASE_S, list_db=True)
    with server:

        def led() -> int:
            count = 0
            for name in names:
                query = (
                    "SELECT count(*) FROM ha_cron_lease WHERE expires_at > now() AT TIME ZONE 'UTC'"
                )
                count += postgres.execute(query, dbname=name)[0][0]
            return count

        wait_until(lambda: led() == MANY, timeout=300, interval=5, what="it leads all")
        counted = statements(postgres, "", IDLE_S)
        return counted, led()


def row(what: str, values: list[float], goal: str) -> dict[str, str]:
    return {
        "what": what,
        "runs": str(len(values)),
        "p50 s": f"{percentile(values, 0.5):.2f}",
        "p95 s": f"{percentile(values, 0.95):.2f}",
        "longest s": f"{max(values):.2f}",
        "goal": goal,
    }


def main() -> int:
    rows, goals = [], {}
    with Postgres() as postgres:
        template = node(postgres, "n0", "bench", LEASE_S)
        template.install("base", "web", "ha_failover", "ha_cron_leader")
        postgres.execute("UPDATE ir_cron SET active = false", dbname="bench")
        counted = idle(postgres)
        per_node = {
            name: 5 * number / IDLE_S for (name, db), number in counted.items() if db == "bench"
        }
        print("statements in 5 s per node, idle:", per_node, flush=True)
        goals["idle: at most 1 statement per database and node in 5 s"] = (
            max(per_node.values()) <= 1
        )
        if MANY:
            counted, led = many(postgres)
            worst = max(
                (5 * n / IDLE_S for (_, db), n in counted.items() if db != "postgres"), default=0
            )
            print(
                f"{MANY} databases: led {led}; at most {worst:.2f} statements in 5 s in one",
                flush=True,
            )
            goals[f"{MANY} databases: all led, at most 1 statement each in 5 s"] = (
                led == MANY and worst <= 1
            )
        for what, lease, limit, fault in (
            ("leader killed", LEASE_S, 1.0, kill),
            ("leader drained", LEASE_S, 0.3, lambda one: one.process.send(signal.SIGTERM)),
            ("leader frozen", FREEZE_LEASE_S, FREEZE_LEASE_S + 1, OdooServer.freeze),
        ):
            taken, reasons = measure(postgres, lease, RUNS, fault)
            print(what, dict(reasons), [f"{one:.2f}" for one in taken], flush=True)
            rows.append(row(what, taken, f"{limit:g} s p95"))
            goals[f"{what}: followed within {limit:g} s at p95"] = percentile(taken, 0.95) <= limit
    return conclude("cron", rows, goals)


if __name__ == "__main__":
    sys.exit(main())
