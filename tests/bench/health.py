"""How fast a node says how it is: ``python -m tests.bench.health``.

A prefork Odoo and its sidecar, asked by the bare probe that balancers send: steady, while the database
is frozen, and with every worker busy. Beside each figure stands that of a server that does nothing but
answer, asked in turn with it: what the machine itself takes just then.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.integration.health.conftest import gevent_port, probe, worker_port
from tests.integration.health.sidecar import NodeSidecar
from tests.servers.addresses import next_address, wait_until
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

from .report import conclude, percentile

ROUNDS = int(os.environ.get("HA_BENCH_ROUNDS", "500"))
WORKERS = 2
GOAL_MS = 5.0
PAUSE = 0.005


class _Floor(StreamRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 18\r\n\r\n" + b'{"status": "pass"}')


class _Floors(ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def floor() -> Iterator[tuple[str, int]]:
    """A server in this process that only answers."""
    with _Floors((next_address(), 0), _Floor) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[:2]  # type: ignore[misc]
        finally:
            server.shutdown()
            thread.join()


def measured(
    situation: str, servers: dict[str, tuple[str, int]], expected: set[str]
) -> list[dict[str, object]]:
    """Ask each server in turn, again and again; one row for each but the floor."""
    took: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, server in servers.items():
            answer = probe(server)
            assert answer.status == 200 and answer.json["status"] in expected, answer
            took[name].append(answer.seconds * 1000)
        time.sleep(PAUSE)
    rows = []
    for name, values in took.items():
        p99 = percentile(values, 0.99)
        rows.append(
            {
                "situation": situation,
                "asked": name,
                "p50 ms": f"{statistics.median(values):.2f}",
                "p99 ms": f"{p99:.2f}",
                "max ms": f"{max(values):.1f}",
                "p99, times the floor's": f"{p99 / percentile(took['floor'], 0.99):.1f}",
            }
        )
    return rows


def main() -> int:
    with ExitStack() as resources:
        postgres = resources.enter_context(Postgres())
        odoo = OdooServer(
            postgres, "bench", variant="suite", workers=WORKERS, ha={"hold_timeout": "600s"}
        )
        odoo.install("base", "web", "ha_failover", "ha_test")
        resources.enter_context(odoo)
        sidecar = resources.enter_context(NodeSidecar(odoo, odoo.base / "drain"))
        client = odoo.client()
        client.login("bench")
        ports = {"gevent": gevent_port(odoo), "sidecar": sidecar.health}
        for port in ports.values():
            wait_until(lambda port=port: probe(port).status == 200, timeout=60, what="it passes")
        ports["floor"] = resources.enter_context(floor())
        rows = measured("steady", {"worker": worker_port(odoo), **ports}, {"pass"})
        clients = [odoo.client() for _ in range(WORKERS)]
        for one in clients:
            one.login("bench")
        stop = threading.Event()

        def keep_busy(number: int) -> None:
            while not stop.is_set():
                clients[number].http.post(
                    f"{odoo.url}/ha_test/write",
                    data={"token": f"{number}-{time.monotonic_ns()}", "seconds": "5"},
                    timeout=90,
                )

        threads = [threading.Thread(target=keep_busy, args=(n,)) for n in range(WORKERS)]
        for thread in threads:
            thread.start()
        time.sleep(2)
        rows += measured("every worker busy", ports, {"pass"})
        stop.set()
        for thread in threads:
            thread.join()
        postgres.freeze()
        try:
            for port in (ports["gevent"], ports["sidecar"]):
                wait_until(
                    lambda port=port: probe(port).json["status"] == "warn",
                    timeout=60, what="it notices",
                )  # fmt: skip
            rows += measured(
                "database frozen", {"worker": worker_port(odoo), **ports}, {"pass", "warn"}
            )
        finally:
            postgres.thaw()
    goals = {
        f"{row['situation']}, {row['asked']}: p99 of {GOAL_MS:g} ms at most": float(
            str(row["p99 ms"])
        )
        <= GOAL_MS
        for row in rows
        if row["asked"] != "floor"
    }
    return conclude("health", rows, goals)


if __name__ == "__main__":
    sys.exit(main())
