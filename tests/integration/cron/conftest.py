"""Nodes that run scheduled actions, and a ledger of what ran, by the database's clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers.odoo import OdooServer, Variant
from tests.servers.postgres import Postgres

LEASE_S = 4.0

_numbers = itertools.count(1)

#: The job notes its start, works, and notes its end, in transactions of their own. The rows name
#: the session, so that two runs at once can be told apart.
CODE = """
def note(event):
    env.cr.execute(
        "INSERT INTO job_ledger (run, event, node, at)"
        " SELECT %s, %s, current_setting('application_name'), clock_timestamp()", (run, event))
    env.cr.commit()
env.cr.execute("SELECT nextval('job_run')")
run = env.cr.fetchone()[0]
note('start')
time.sleep({seconds})
note('end')
"""


@dataclass(frozen=True)
class Run:
    """One run of the job; ``ended`` is None when its end was never committed."""

    number: int
    node: str
    started: float
    ended: float | None


class Database:
    """One database with the ledger, and the nodes that serve it."""

    def __init__(self, postgres: Postgres, template: OdooServer, variant: Variant) -> None:
        self.postgres = postgres
        self.variant = variant
        self.name = f"cron_{variant}_{next(_numbers)}"
        OdooServer(postgres, self.name, variant=variant).copy_database(template)
        # What Odoo ships would only blur the picture.
        self.execute("UPDATE ir_cron SET active = false")
        self.execute("CREATE SEQUENCE job_run")
        self.execute("CREATE TABLE job_ledger (run int, event text, node text, at timestamptz)")
        self.execute("GRANT ALL ON job_ledger, job_run TO PUBLIC")

    def execute(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        return self.postgres.execute(query, parameters, dbname=self.name)

    def node(self, name: str, **options: Any) -> OdooServer:
        """A node, not started yet; ``name`` shows in the ledger."""
        ha = {"node_id": name, "cron_lease": LEASE_S} if self.variant == "suite" else {}
        defaults = {"db_app_name": name, "limit_time_real_cron": 600, "max_cron_threads": 1}
        return OdooServer(
            self.postgres,
            self.name,
            variant=self.variant,
            workers=options.pop("workers", 1),
            ha=ha | options.pop("ha", {}),
            options=defaults | options,
        )

    def add_job(self, node: OdooServer, *, seconds: float) -> int:
        """Create a job of that length, due now; the cron processes are woken."""
        client = node.client()
        client.login(self.name)
        (model,) = client.call("ir.model", "search", [("model", "=", "res.partner")])
        values = {
            "name": "ledger",
            "model_id": model,
            "state": "code",
            "code": CODE.format(seconds=seconds),
            "interval_number": 1,
            "interval_type": "days",
            "nextcall": "2020-01-01 00:00:00",
        }
        job: int | list[int] = client.call("ir.cron", "create", values)
        self.wake()
        return job if isinstance(job, int) else job[0]

    def wake(self) -> None:
        self.postgres.execute("SELECT pg_notify('cron_trigger', %s)", (self.name,))

    def make_due(self) -> None:
        """Let the jobs be due again, whatever the last run wrote."""
        self.execute("UPDATE ir_cron SET nextcall = '2020-01-01' WHERE active")
        self.wake()

    def runs(self) -> list[Run]:
        rows = self.execute(
            "SELECT run, min(node), extract(epoch FROM min(at) FILTER (WHERE event = 'start')),"
            " extract(epoch FROM min(at) FILTER (WHERE event = 'end'))"
            " FROM job_ledger GROUP BY run ORDER BY run"
        )
        return [
            Run(number, node, float(started), None if ended is None else float(ended))
            for number, node, started, ended in rows
        ]

    def lease(self) -> tuple[str, int, float] | None:
        """(name of the holding node, token, seconds it still runs)."""
        rows = self.execute(
            "SELECT split_part(holder, '/', 1), token,"
            " extract(epoch FROM expires_at - now() AT TIME ZONE 'UTC') FROM ha_cron_lease"
        )
        return (rows[0][0], rows[0][1], float(rows[0][2])) if rows else None

    def end_idle_lock_sessions(self) -> int:
        """End the sessions that only hold a job's row lock while the job runs elsewhere."""
        return self.postgres.terminate_backends(
            "datname = %s AND state = 'idle in transaction' AND query LIKE '%%ir_cron%%'",
            [self.name],
        )


def overlapping(runs: list[Run]) -> list[tuple[Run, Run]]:
    """Pairs of runs that were under way at one moment (unended ones count to their start)."""
    return [
        (one, other)
        for one, other in itertools.combinations(sorted(runs, key=lambda run: run.started), 2)
        if one.ended is not None and other.started < one.ended
    ]


@pytest.fixture
def database(request: pytest.FixtureRequest, postgres: Postgres, variant: Variant) -> Database:
    template: OdooServer = request.getfixturevalue(f"{variant}_template")
    return Database(postgres, template, variant)


@pytest.fixture
def variant() -> Variant:
    return "suite"


StartNode = Callable[..., OdooServer]


@pytest.fixture
def start_node(database: Database) -> Iterator[StartNode]:
    with ExitStack() as running:

        def start(name: str, **options: Any) -> OdooServer:
            return running.enter_context(database.node(name, **options))

        yield start
