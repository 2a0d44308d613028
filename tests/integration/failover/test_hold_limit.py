"""Only so many requests of a node wait for a database; one more is told so at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psutil
import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import NoAnswer, OdooClient
from tests.servers.postgres import Postgres

from .conftest import Publisher

LIMIT = 2


@pytest.fixture(params=[4, 0], ids=["prefork", "threaded"])
def odoo(
    postgres: Postgres,
    suite_template: OdooServer,
    publisher: Publisher,
    request: pytest.FixtureRequest,
) -> Iterator[OdooServer]:
    publisher.stable(postgres, timeline=1)
    server = OdooServer(
        postgres,
        f"held_{request.param}",
        variant="suite",
        workers=request.param,
        options={"max_cron_threads": 0},
        ha={
            "topology_path": publisher.path,
            "hold_limit": LIMIT,
            "hold_timeout": 60,
            "health_trusted_networks": "127.0.0.0/8",
        },
    )
    server.copy_database(suite_template)
    with server:
        yield server


def held(odoo: OdooServer) -> int:
    """What the node says, whichever of its processes answers."""
    body = odoo.client().get("/web/health").json()
    return int(body["checks"]["requests:held"][0]["observedValue"])


def test_one_too_many_is_refused_at_once_and_stays_logged_in(
    postgres: Postgres, odoo: OdooServer, publisher: Publisher
) -> None:
    users = []
    for _ in range(LIMIT + 1):
        user = odoo.client()
        user.login(odoo.dbname)
        users.append(user)
    publisher.lost()
    time.sleep(0.5)  # each process looks every 0.03 s: nobody may still take the primary for proven
    *waiting, refused = users

    def create(user: OdooClient) -> object:
        return user.call("ha.test.row", "create", {"token": "t"})

    with ThreadPoolExecutor() as pool:
        answers: list[Future[object]] = [pool.submit(create, user) for user in waiting]
        wait_until(lambda: held(odoo) == LIMIT, timeout=30, what="as many wait as may")
        before = refused.session_id
        started = time.monotonic()
        answer = refused.get("/web/login")
        assert time.monotonic() - started < 5
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        with pytest.raises(NoAnswer, match="503"):
            create(refused)
        assert refused.session_id == before
        assert not any(answer.done() for answer in answers)
        if odoo.workers:
            _a_killed_worker_frees_its_slot(odoo, pool, refused)
        publisher.stable(postgres, timeline=1)
        done = [answer.exception() is None for answer in answers]
    # A killed worker's user lost the connection to it, nobody else did.
    assert done.count(False) == (1 if odoo.workers else 0)
    assert refused.is_logged_in()
    assert held(odoo) == 0


def _a_killed_worker_frees_its_slot(
    odoo: OdooServer, pool: ThreadPoolExecutor, user: OdooClient
) -> None:
    lines = [line for line in odoo.log_text().splitlines() if "Waiting for a writable" in line]
    worker = psutil.Process(int(lines[-1].split()[2]))
    assert worker.ppid() == odoo.process.pid
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: held(odoo) == LIMIT - 1, timeout=30, what="the slot is free")
    answer = pool.submit(user.is_logged_in)
    wait_until(lambda: held(odoo) == LIMIT, timeout=30, what="somebody else waits")
    assert not answer.done()
