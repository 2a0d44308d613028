"""What a marker costs a write: ``python -m tests.bench.marker [--json FILE]``.

Two Odoos of the suite on one database, one with markers and one without, asked in turns by one
user. PostgreSQL runs without fsync, so nothing hides the marker's own cost. Then the table's size
under 100,000 commits, purged as the scheduled action does.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
import uuid
from collections import defaultdict
from contextlib import ExitStack

from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient
from tests.servers.postgres import Postgres

from .report import conclude, percentile

CALLS = int(os.environ.get("HA_BENCH_CALLS", "500"))
WARM_UP = 40
COMMITS = int(os.environ.get("HA_BENCH_COMMITS", "100000"))
PURGES = 10
TABLE = "ha_commit_marker"


def ask(client: OdooClient, what: str) -> float:
    """One request; return its milliseconds."""
    started = time.perf_counter()
    if what == "write":
        client.call("res.partner", "create", {"name": "Marker Benchmark"})
    else:
        client.call("res.partner", "search_read", [("id", "<", 10)], ["name"])
    return (time.perf_counter() - started) * 1000


def latencies(resources: ExitStack, postgres: Postgres) -> dict[tuple[str, str], list[float]]:
    clients = {}
    for markers in ("on", "off"):
        odoo = OdooServer(
            postgres,
            "bench",
            variant="suite",
            ha={"commit_markers": "true" if markers == "on" else "false"},
            options={"max_cron_threads": 0, "log_level": "warn"},
        )
        if not clients:
            odoo.install("base", "web", "ha_failover")
        resources.enter_context(odoo)
        clients[markers] = odoo.client()
        clients[markers].login("bench")
    taken = defaultdict(list)
    for turn in range(CALLS + WARM_UP):
        order = ("on", "off") if turn % 2 else ("off", "on")
        for what, markers in itertools.product(("write", "read"), order):
            milliseconds = ask(clients[markers], what)
            if turn >= WARM_UP:
                taken[what, markers].append(milliseconds)
    return taken


def sizes(postgres: Postgres) -> list[int]:
    """The table's bytes with its index, each time before a purge."""
    connection = postgres.connect("bench")
    seen = []
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for _ in range(PURGES):
            for _ in range(COMMITS // PURGES):
                cursor.execute(f"INSERT INTO {TABLE} (token) VALUES (%s)", (str(_token()),))
            cursor.execute(f"SELECT pg_total_relation_size('{TABLE}')")
            seen.append(cursor.fetchone()[0])
            # An hour later: the scheduled action, and PostgreSQL's autovacuum after it.
            cursor.execute(f"DELETE FROM {TABLE}")
            cursor.execute(f"VACUUM {TABLE}")
    connection.close()
    return seen


def _token() -> uuid.UUID:
    """Rises with time, as the addon's tokens do."""
    return uuid.UUID(int=(time.time_ns() // 10**6) << 80 | uuid.uuid4().int >> 48)


def main() -> int:
    with ExitStack() as resources:
        postgres = resources.enter_context(Postgres())
        taken = latencies(resources, postgres)
        for (what, markers), values in taken.items():
            print(f"{what}, markers {markers}: p50 {percentile(values, 0.5):.2f} ms", flush=True)
        size = sizes(postgres)
    rows, goals = [], {}
    for what in ("write", "read"):
        on, off = taken[what, "on"], taken[what, "off"]
        cost = percentile(on, 0.5) - percentile(off, 0.5)
        paired = statistics.median(a - b for a, b in zip(on, off, strict=True))
        rows += [
            {
                "request": what,
                "markers": markers,
                "p50 ms": f"{percentile(values, 0.5):.2f}",
                "p95 ms": f"{percentile(values, 0.95):.2f}",
                "cost at p50": f"{cost:+.2f} ms, {100 * cost / percentile(off, 0.5):+.1f} %"
                if markers == "on"
                else "",
                "median of differences": f"{paired:+.2f} ms" if markers == "on" else "",
            }
            for markers, values in (("off", off), ("on", on))
        ]
        if what == "write":
            goals["a write costs at most 1 ms more at p50"] = cost <= 1
            goals["a write costs at most 5 % more at p50"] = cost <= 0.05 * percentile(off, 0.5)
        else:
            goals["a read costs nothing (within 2 % at p50)"] = cost <= 0.02 * percentile(off, 0.5)
    print("Table with index before each purge, kB:", [byte // 1024 for byte in size])
    goals[f"{COMMITS} commits in {PURGES} hours: the table does not grow"] = (
        size[-1] <= 1.2 * size[1]
    )
    return conclude("marker", rows, goals)


if __name__ == "__main__":
    sys.exit(main())
