"""Scheduled actions under random faults: ``python -m tests.long.cron_faults [--minutes 10]``.

Three nodes, two cron processes each, 200 jobs that are due each minute, on a primary with a
synchronous replica. Faults in random order: the leader is killed, frozen for 40 s, the database
fails over, the session that locks a running job is ended; the clock of one node is 5 minutes off
(by a library put before the C library's). Afterwards the ledger must be without a finding.

``--variant stock`` shows that it finds something in Odoo as it is; ``--jobs``, ``--seed``,
``--faults`` as they say. Exits 1 on a finding.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import psycopg2

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer, Variant
from tests.servers.postgres import Postgres
from tests.servers.processes import scratch_directory

from .cron_ledger import (
    CODE,
    GRANTS,
    READ_BOOKINGS,
    READ_GRANTS,
    READ_RUNS,
    SCHEMA,
    Findings,
    Grant,
    Run,
    judge,
)

DATABASE = "faults"
FROZEN_S = 40.0
#: For a node's start on a busy machine.
START_S = 400.0
LEASE_S = 15.0
CLOCK_OFF_S = 300
WRONG_CLOCK = f"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *at) {{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, at);
    if (!result && clock == CLOCK_REALTIME) at->tv_sec += {CLOCK_OFF_S};
    return result;
}}
time_t time(time_t *at) {{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}}
int gettimeofday(struct timeval *at, void *zone) {{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}}
"""


def say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


class Scene:
    """The servers, and the faults as verbs."""

    def __init__(
        self, running: ExitStack, variant: Variant, jobs: int, frozen: float, workers: int
    ) -> None:
        self.running = running
        self.variant = variant
        self.frozen = frozen
        self.workers = workers
        self.primary = running.enter_context(Postgres())
        self.replica = running.enter_context(self.primary.replica())
        self.nodes = [self._node(f"node{number}") for number in (1, 2, 3)]
        modules = ["ha_failover", "ha_cron_leader"] if variant == "suite" else []
        self.nodes[0].install("base", "web", *modules)
        self.execute("UPDATE ir_cron SET active = false")
        self.execute(SCHEMA)
        if variant == "suite":
            self.execute(GRANTS)
        for node in self.nodes:
            running.push(node)
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda node: node.start(timeout=START_S), self.nodes))
        self._add_jobs(jobs)
        self._synchronous()

    def _node(self, name: str) -> OdooServer:
        # A node that starts after a failover must pass over the replica (README).
        environment = {"PGTARGETSESSIONATTRS": "read-write", "PGCONNECT_TIMEOUT": "5"}
        if name == "node3" and (library := self._wrong_clock()):
            environment["LD_PRELOAD"] = library
            say(f"the clock of {name} is {CLOCK_OFF_S} s fast")
        suite = {"node_id": name, "cron_lease": LEASE_S, "topology_path": "/nonexistent"}
        return OdooServer(
            [self.primary, self.replica],
            DATABASE,
            variant=self.variant,
            workers=self.workers,
            ha=suite if self.variant == "suite" else {},
            options={
                "db_app_name": name,
                "max_cron_threads": 2,
                "limit_time_real_cron": 600,
                "log_level": "info",
            },
            environment=environment,
        )

    def _wrong_clock(self) -> str | None:
        """A library that puts a process's wall clock off; None without a C compiler."""
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            say("no C compiler: all clocks are right")
            return None
        directory = scratch_directory()
        source, library = directory / "clock.c", directory / "clock.so"
        source.write_text(WRONG_CLOCK)
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
        subprocess.run(command, check=True, timeout=60)
        return str(library)

    def _add_jobs(self, count: int) -> None:
        client = self.nodes[0].client()
        client.login(DATABASE)
        (model,) = client.call("ir.model", "search", [("model", "=", "res.partner")])
        jobs = [
            {
                "name": f"ledger {number}",
                "model_id": model,
                "state": "code",
                # Faults shall meet jobs under way.
                "code": CODE.format(seconds=3 if number % 20 == 0 else 0.02),
                "interval_number": 1,
                "interval_type": "minutes",
            }
            for number in range(count)
        ]
        client.call("ir.cron", "create", jobs)

    def _synchronous(self) -> None:
        """No acknowledged commit may be lost with the primary: what was run stays run."""
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.execute("SELECT pg_reload_conf()")

    def execute(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        return self.primary.execute(query, parameters, dbname=DATABASE)

    def leader(self) -> OdooServer:
        """The node that runs jobs, as the database has it."""
        query = "SELECT node FROM job_ledger ORDER BY at DESC LIMIT 1"
        if self.variant == "suite":
            query = "SELECT split_part(holder, '/', 1) FROM ha_cron_lease WHERE job_pool = 'main'"
        rows = self.execute(query)
        number = int(rows[0][0].removeprefix("node")) if rows else 1
        return self.nodes[number - 1]

    # -- faults

    def kill_leader(self) -> None:
        node = self.leader()
        node.kill()
        time.sleep(5)
        node.start(timeout=START_S)

    def freeze_leader(self) -> None:
        node = self.leader()
        node.freeze()
        time.sleep(self.frozen)
        node.thaw()

    def end_locking_session(self) -> None:
        """While a long job runs; three times, as a proxy's timeout would."""
        for _ in range(3):
            with suppress(TimeoutError):
                wait_until(self._end_locks, timeout=30, what="a job's row is locked")
            time.sleep(2)

    def _end_locks(self) -> int:
        return self.primary.terminate_backends(
            "datname = %s AND state = 'idle in transaction' AND query LIKE '%%ir_cron%%'"
            " AND state_change < clock_timestamp() - interval '0.5 seconds'",
            [DATABASE],
        )

    def fail_over(self) -> None:
        old, new = self.primary, self.replica
        old.kill()
        time.sleep(1)
        new.execute("ALTER SYSTEM RESET synchronous_standby_names")
        new.promote()
        new.execute("SELECT pg_reload_conf()")
        self.primary = new
        self.replica = self.running.enter_context(new.replica(address=old.address))
        self._synchronous()

    # -- the end

    def settle(self) -> None:
        """Wait until every job ran after the last fault."""
        ((now,),) = self.execute("SELECT clock_timestamp()")
        wait_until(
            lambda: (
                self.execute(
                    "SELECT count(*) FROM ir_cron WHERE active AND NOT EXISTS (SELECT FROM job_ledger"
                    " WHERE job = ir_cron.id AND event = 'end' AND at > %s)",
                    (now,),
                )
                == [(0,)]
            ),
            timeout=300,
            interval=1,
            what="every job ran after the last fault",
        )

    def findings(self) -> tuple[list[Run], Findings]:
        runs = [
            Run(*row[:3], *(None if at is None else float(at) for at in row[3:]))  # type: ignore[arg-type]
            for row in self.execute(READ_RUNS)
        ]
        bookings = [(job, float(at)) for job, at in self.execute(READ_BOOKINGS)]
        grants = [Grant(node, token, float(at)) for node, token, at in self.execute(READ_GRANTS)]
        return runs, judge(runs, bookings, grants)


def run(
    variant: Variant,
    minutes: float,
    jobs: int,
    seed: int,
    faults: Sequence[str],
    frozen: float = FROZEN_S,
    workers: int = 1,
) -> tuple[list[Run], Findings]:
    """Bring it up, break it for ``minutes``, and judge."""
    chance = random.Random(seed)
    with ExitStack() as running:
        scene = Scene(running, variant, jobs, frozen, workers)
        wait_until(
            lambda: scene.execute("SELECT run FROM job_ledger LIMIT 1"),
            timeout=START_S,
            what="jobs run",
        )
        verbs: dict[str, Callable[[], None]] = {name: getattr(scene, name) for name in faults}
        deadline = time.monotonic() + minutes * 60
        done: Counter[str] = Counter()
        order: list[str] = []
        while time.monotonic() < deadline:
            if not order:  # each once before any comes again
                order = chance.sample(list(verbs), len(verbs))
            name = order.pop()
            say(f"{name} ({scene.leader().process.name} leads)")
            verbs[name]()
            done[name] += 1
            time.sleep(min(chance.uniform(2, 15), max(0, deadline - time.monotonic())))
        say("no more faults")
        scene.settle()
        runs, findings = scene.findings()
    ended = [one for one in runs if one.ended is not None]
    say(f"faults: {dict(done)}; seed {seed}")
    say(
        f"{len(runs)} runs, {len(runs) - len(ended)} of them cut and rolled back, by node "
        f"{dict(Counter(one.node for one in ended))}; at once: {len(findings.overlaps)}, "
        f"skipped: {len(findings.skipped)}, committed by a deposed leader: {len(findings.deposed)}"
    )
    for pair in findings.overlaps[:5]:
        say(f"AT ONCE {pair}")
    for job, at in findings.skipped[:5]:
        say(f"SKIPPED job {job} at {at}")
    for one in findings.deposed[:5]:
        say(f"DEPOSED {one}")
    return runs, findings


FAULTS = ("kill_leader", "freeze_leader", "end_locking_session", "fail_over")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--variant", choices=("suite", "stock"), default="suite")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1000))
    parser.add_argument("--workers", type=int, default=1, help="0 is the threaded server")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=FAULTS)
    chosen = parser.parse_args(arguments)
    try:
        _, findings = run(
            chosen.variant,
            chosen.minutes,
            chosen.jobs,
            chosen.seed,
            chosen.faults,
            workers=chosen.workers,
        )
    except psycopg2.Error as error:
        say(f"the drill itself failed: {error}")
        return 2
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
