"""How soon every Odoo process knows a new primary: ``python -m tests.bench.propagation``.

The topology document is put in place as the sidecar does it, by a rename; each process of a real
prefork Odoo (master, HTTP and cron workers, gevent) says in its log when it acted on it.
"""

from __future__ import annotations

import itertools
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from tests.integration.failover.conftest import Publisher
from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

from .report import conclude, percentile

ROUNDS = int(os.environ.get("HA_BENCH_ROUNDS", "40"))
WORKERS = 4
LINE = re.compile(
    r"^(\S+ \S+) (\d+) INFO .*Database primary is now \S+ \(epoch (\d+)\)", re.MULTILINE
)


def seen(odoo: OdooServer, epoch: int) -> dict[str, float]:
    """Process id → when (seconds since 1970) it knew of this epoch."""
    return {
        pid: datetime.strptime(at, "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007 (local)
        for at, pid, number in LINE.findall(odoo.log_text())
        if int(number) == epoch
    }


def delays(odoo: OdooServer, publisher: Publisher, postgres: Postgres) -> Iterator[list[float]]:
    """Each round's milliseconds, process by process."""
    publisher.stable(postgres, timeline=1)
    time.sleep(3)
    expected = len(seen(odoo, publisher.epoch))
    for _ in range(ROUNDS):
        at = time.time()
        publisher.stable(postgres, timeline=1)
        epoch = publisher.epoch
        wait_until(
            lambda epoch=epoch: len(seen(odoo, epoch)) >= expected, timeout=10, what="all know it"
        )
        # The log's clock counts whole milliseconds, rounded down.
        yield [max(0.0, (moment - at) * 1000 + 1) for moment in seen(odoo, epoch).values()]
        time.sleep(0.3)


def main() -> int:
    with ExitStack() as resources:
        postgres = resources.enter_context(Postgres())
        directory = resources.enter_context(tempfile.TemporaryDirectory())
        publisher = resources.enter_context(Publisher(Path(directory) / "topology.json"))
        publisher.stable(postgres, timeline=1)
        odoo = OdooServer(
            postgres,
            "bench",
            variant="suite",
            workers=WORKERS,
            ha={"topology_path": publisher.path},
        )
        odoo.install("base", "web", "ha_failover")
        resources.enter_context(odoo)
        client = odoo.client()
        for _ in range(10 * WORKERS):
            client.login("bench")
        odoo.client().get("/web/login")
        time.sleep(3)
        rounds = list(delays(odoo, publisher, postgres))
        processes = len(odoo.process.tree())
    last = [max(one) for one in rounds]
    rows = [
        {
            "processes of Odoo": processes,
            "that follow the topology": len(rounds[0]),
            "rounds": len(rounds),
            "one process, median ms": f"{statistics.median(itertools.chain(*rounds)):.0f}",
            "all processes, p50 ms": f"{percentile(last, 0.5):.0f}",
            "p95 ms": f"{percentile(last, 0.95):.0f}",
            "max ms": f"{max(last):.0f}",
        }
    ]
    goals = {"every process knows within 100 ms (p95)": percentile(last, 0.95) <= 100}
    return conclude("propagation", rows, goals)


if __name__ == "__main__":
    sys.exit(main())
