"""How soon another node leads, and what idle nodes ask: ``python -m tests.bench.cron [--json FILE]``.

Five keepers (``cron_node``) on one PostgreSQL: the leader's process is killed, drained (SIGTERM)
or frozen again and again, and the time until another one holds the lease is taken. Then the
statements of idle keepers in PostgreSQL's own log, for one database and for many.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg2.extensions

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.odoo_source import REPOSITORY
from tests.servers.postgres import ODOO_ROLE, Postgres
from tests.servers.processes import ServerProcess

from .report import conclude, percentile

RUNS = int(os.environ.get("HA_BENCH_RUNS", "20"))
MANY = int(os.environ.get("HA_BENCH_DATABASES", "100"))
IDLE_S = float(os.environ.get("HA_BENCH_IDLE", "60"))
LEASE_S = 15.0
#: Freezing takes a lease each time, so that a shorter one is measured.
FREEZE_LEASE_S = 5.0
KEEPER = re.compile(r"\|odoo-ha cron (\w+)[^|]*\|(\w+)\|.*statement: ")
#: As the app has it; the keepers look at nothing else of a database.
TABLES = """
CREATE TABLE ha_cron_lease (
    id serial PRIMARY KEY, job_pool varchar NOT NULL UNIQUE, holder varchar, token int NOT NULL,
    acquired_at timestamp NOT NULL, expires_at timestamp NOT NULL, previous varchar,
    reason varchar, paused boolean, rank int, ended varchar, wanted_by varchar, wanted_rank int,
    wanted_until timestamp, barred varchar, barred_until timestamp, backend_pid int,
    server_start timestamp, UNIQUE (job_pool, token));
CREATE TABLE ir_cron (id serial, job_pool varchar, active boolean, nextcall timestamp);
INSERT INTO ir_cron (job_pool, active, nextcall) VALUES ('main', true, '2099-01-01');
GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC;
"""


@contextmanager
def keepers(
    postgres: Postgres, databases: list[str], lease: float, count: int
) -> Iterator[dict[str, ServerProcess]]:
    """Start the keepers n1, n2 … of nodes that serve ``databases``."""
    odoo = OdooServer(
        postgres,
        ",".join(databases),
        variant="suite",
        options={"log_level": "warn", "db_name": ",".join(databases)},
    )
    with ExitStack() as running:
        found = {}
        for number in range(1, count + 1):
            name = f"n{number}"
            script = str(REPOSITORY / "tests/bench/cron_node.py")
            found[name] = ServerProcess(
                name,
                [sys.executable, script, str(odoo.configuration), name, f"{lease}s"],
                log=odoo.base / f"{name}.log",
                environment=odoo.environment,
            )
            running.callback(found[name].stop)
            found[name].start()
        yield found


class Watch:
    """Reads the lease, again and again, on one connection."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self.connection = connection

    def holder(self) -> str | None:
        """Who leads now."""
        found = self._one(
            "SELECT split_part(holder, '/', 1) FROM ha_cron_lease WHERE job_pool = 'main'"
            " AND expires_at > clock_timestamp() AT TIME ZONE 'UTC'"
        )
        return found if found is None else str(found)

    def reason(self) -> str:
        """Why it changed last."""
        return str(self._one("SELECT reason FROM ha_cron_lease WHERE job_pool = 'main'"))

    def watchers(self) -> int:
        """How many keepers wait for the end of the one that leads."""
        holder = str(self._one("SELECT holder FROM ha_cron_lease WHERE job_pool = 'main'"))
        query = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            f" AND mode = 'ExclusiveLock' AND objid = {zlib.crc32(holder.encode()) & 0x7FFFFFFF}"
        )
        return int(str(self._one(query)))

    def _one(self, query: str) -> object:
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
        return row[0] if row else None


def measure(
    postgres: Postgres, lease: float, fault: Callable[[ServerProcess], None]
) -> tuple[list[float], Counter[str]]:
    """Seconds from the fault until another node holds the lease, and the reasons it gives."""
    taken: list[float] = []
    reasons: Counter[str] = Counter()
    with keepers(postgres, ["bench"], lease, 5) as nodes:
        connection = postgres.connect("bench")
        watch = Watch(connection)
        for _ in range(RUNS):
            wait_until(
                lambda: watch.holder() and watch.watchers(),
                timeout=120,
                what="a leader is followed",
            )
            before = watch.holder()
            assert before is not None
            started = time.monotonic()
            fault(nodes[before])
            wait_until(
                lambda before=before: watch.holder() not in (None, before),  # type: ignore[misc]
                timeout=60,
                what="another leader",
                interval=0.002,
            )
            taken.append(time.monotonic() - started)
            reasons[watch.reason()] += 1
            print(f"{taken[-1]:.3f} s, {watch.reason()}", flush=True)
            nodes[before].thaw()
            nodes[before].kill()
            nodes[before].start()
        connection.close()
    return taken, reasons


def freeze(process: ServerProcess) -> None:
    process.send(signal.SIGSTOP)


def kill(process: ServerProcess) -> None:
    process.send(signal.SIGKILL)


def drain(process: ServerProcess) -> None:
    process.send(signal.SIGTERM)


def count_statements(postgres: Postgres) -> Counter[tuple[str, str]]:
    """The keepers' statements by (node, database), for ``IDLE_S``."""
    for setting in ("log_statement = 'all'", "log_line_prefix = '|%a|%d|'"):
        postgres.execute(f"ALTER SYSTEM SET {setting}")
    postgres.execute("SELECT pg_reload_conf()")
    time.sleep(1)
    start = len(postgres.process.log_text())
    time.sleep(IDLE_S)
    text = postgres.process.log_text()[start:]
    postgres.execute("ALTER SYSTEM RESET ALL")
    postgres.execute("SELECT pg_reload_conf()")
    return Counter(KEEPER.findall(text))


def idle(postgres: Postgres) -> float:
    """The most statements that one of three nodes makes in one database in 5 s."""
    with keepers(postgres, ["bench"], LEASE_S, 3):
        time.sleep(20)
        counted = count_statements(postgres)
    rates = {key: 5 * number / IDLE_S for key, number in sorted(counted.items())}
    print("statements in 5 s, idle:", rates, flush=True)
    return max(rate for (_, database), rate in rates.items() if database == "bench")


def many(postgres: Postgres) -> tuple[float, int]:
    """Of two nodes with many databases: the most in one database in 5 s, and how many are led."""
    names = [f"many{number}" for number in range(MANY)]
    for name in names:
        postgres.execute(f'CREATE DATABASE "{name}" TEMPLATE bench OWNER {ODOO_ROLE}')
    query = "SELECT count(*) FROM ha_cron_lease WHERE expires_at > now() AT TIME ZONE 'UTC'"

    def led() -> int:
        return sum(postgres.execute(query, dbname=name)[0][0] for name in names)

    with keepers(postgres, names, LEASE_S, 2) as nodes:
        wait_until(lambda: led() == MANY, timeout=300, interval=2, what="all are led")
        time.sleep(LEASE_S)
        counted = count_statements(postgres)
        holders = Counter(
            postgres.execute("SELECT split_part(holder, '/', 1) FROM ha_cron_lease", dbname=name)[
                0
            ][0]
            for name in names
        )
        print(f"{MANY} databases, led by {dict(holders)}; the keepers stand", flush=True)
        assert nodes
        rates = [5 * number / IDLE_S for (_, db), number in counted.items() if db != "postgres"]
        return max(rates), led()


def row(what: str, values: list[float], limit: float) -> dict[str, str]:
    return {
        "what": what,
        "runs": str(len(values)),
        "p50 s": f"{percentile(values, 0.5):.2f}",
        "p95 s": f"{percentile(values, 0.95):.2f}",
        "longest s": f"{max(values):.2f}",
        "goal, p95": f"{limit:g} s",
    }


def main() -> int:
    rows, goals = [], {}
    with Postgres() as postgres:
        postgres.execute(f"CREATE DATABASE bench OWNER {ODOO_ROLE}")
        postgres.execute(TABLES, dbname="bench")
        for what, lease, limit, fault in (
            ("leader killed", LEASE_S, 1.0, kill),
            ("leader drained", LEASE_S, 0.3, drain),
            ("leader frozen", FREEZE_LEASE_S, FREEZE_LEASE_S + 1, freeze),
        ):
            taken, reasons = measure(postgres, lease, fault)
            print(what, dict(reasons), flush=True)
            rows.append(row(what, taken, limit))
            goals[f"{what}: followed within {limit:g} s at p95"] = percentile(taken, 0.95) <= limit
        goals["idle: at most 1 statement per node and database in 5 s"] = idle(postgres) <= 1
        if MANY:
            rate, led = many(postgres)
            print(f"{MANY} databases: {led} led, at most {rate:.2f} statements in 5 s", flush=True)
            goals[f"{MANY} databases: all led, at most 1 statement each in 5 s"] = (
                led == MANY and rate <= 1
            )
    return conclude("cron", rows, goals)


if __name__ == "__main__":
    sys.exit(main())
