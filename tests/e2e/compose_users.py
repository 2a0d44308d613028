"""Users of the compose stack while the primary's container is killed: `python compose_users.py PROJECT URL`
prints what they saw, as JSON.

Runs in the network that the stack is in, so it is a program of its own. The load, the ledger and the
comparison are the drills'.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from collections import Counter
from contextlib import closing
from functools import partial
from itertools import pairwise

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from ha_setup.drill import rows, schedule
from ha_setup.drill.ledger import reckon, told
from ha_setup.drill.load import Load

NODES = ("pg1", "pg2", "pg3")
USERS = 5
RATE = 6.0
STEADY_S, LIMIT_S, AFTER_S = 6.0, 120.0, 8.0
#: People's patience; below the balancer's.
REQUEST_S = 90.0


def podman(*words: str) -> str:
    done = subprocess.run(
        ["podman", *words], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"podman {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def container(project: str, service: str) -> str:
    return f"{project}_{service}_1"


def address(project: str, service: str) -> str:
    """Where a running container is; containers that are started anew are elsewhere."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return podman("inspect", "--format", template, container(project, service))


def connect(project: str, password: str, dbname: str, node: str) -> Connection:
    made = psycopg2.connect(
        host=address(project, node), user="postgres", password=password, dbname=dbname,
        connect_timeout=2, options="-c statement_timeout=10000",
    )  # fmt: skip
    made.autocommit = True
    return made


def primary(project: str, password: str) -> str | None:
    """The one node that takes writes; None when there is none, or more than one."""
    found = []
    for node in NODES:
        try:
            link = connect(project, password, "postgres", node)
            with closing(link), link.cursor() as cursor:
                cursor.execute("SELECT NOT pg_is_in_recovery()")
                if (cursor.fetchone() or (False,))[0]:
                    found.append(node)
        except (psycopg2.Error, RuntimeError):
            continue
    return found[0] if len(found) == 1 else None


def secret(project: str, name: str) -> str:
    return podman("exec", container(project, "secrets"), "hand-out", "show", name)


async def main(project: str, url: str) -> None:
    superuser = secret(project, "postgres_superuser_password")
    users = [("admin", secret(project, "odoo_admin_password"))] * USERS
    run = f"compose-{uuid.uuid4().hex[:10]}"
    plan = schedule.plan(
        seed=19, run=run, rate=RATE, seconds=STEADY_S + LIMIT_S + AFTER_S, users=USERS
    )
    load = Load(url, users, run=run, timeout=REQUEST_S, fresh_reads=True, cookies={})
    async with load:
        await load.prepare()
        first = primary(project, superuser)
        if first is None:
            raise RuntimeError("there is no primary")
        load.start()
        enough = asyncio.Event()
        sending = asyncio.create_task(load.send(plan, enough))
        await asyncio.sleep(STEADY_S)
        killed_at = load.now
        await asyncio.to_thread(podman, "kill", container(project, first))
        second = None
        while second is None and load.now < killed_at + LIMIT_S:
            await asyncio.sleep(0.2)
            second = await asyncio.to_thread(primary, project, superuser)
        await asyncio.sleep(AFTER_S)
        enough.set()
        await sending
        await load.finish()
        await asyncio.to_thread(podman, "start", container(project, first))
        await load.check_sessions()
        wrong = await load.check_attachments()
        logged_out = load.logged_out
    if second is None:
        raise RuntimeError(f"no new primary {LIMIT_S:.0f} s after {first} was killed")
    on_primary, on_replicas = rows.collect(
        run, second, NODES, partial(connect, project, superuser, "odoo")
    )
    outcomes = load.outcomes
    ledger = {o.planned.token: told(o.verdict) for o in outcomes if o.planned.action.writes}
    found = reckon(ledger, on_primary, on_replicas)
    writes = sorted(o.finished_at for o in outcomes if o.verdict.ok and o.planned.action.writes)
    print(
        json.dumps(
            {
                "killed": first,
                "primary": second,
                "requests": len(outcomes),
                "failed": Counter(o.verdict.kind for o in outcomes if not o.verdict.ok),
                "logged_out": logged_out,
                "acknowledged": found.acknowledged,
                "lost": [*found.lost, *wrong],
                "twice": found.duplicates,
                "ghosts": found.ghosts,
                "disagreements": [*found.disagreements],
                "pause": round(max((b - a for a, b in pairwise(writes)), default=0), 1),
                "before": sum(moment < killed_at for moment in writes),
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
