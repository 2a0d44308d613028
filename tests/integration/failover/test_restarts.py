"""A primary that crashes and restarts in place, and sessions that are ended one by one."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

from .conftest import Writers


@pytest.fixture
def odoo(postgres: Postgres, suite_template: OdooServer) -> Iterator[OdooServer]:
    name = f"restart_{random.randrange(10**6)}"
    server = OdooServer(postgres, name, variant="suite", workers=2)
    server.copy_database(suite_template)
    with server:
        yield server


def test_crash_restarts_on_the_same_timeline(
    postgres: Postgres, odoo: OdooServer, writers: list[Writers]
) -> None:
    users = Writers(odoo)
    writers.append(users)
    users.start(3)
    for _ in range(4):
        time.sleep(random.uniform(0.5, 1.0))
        postgres.kill()
        postgres.start()
    time.sleep(1)
    users.stop()
    users.assert_exactly_once(postgres)


def test_sessions_ended_at_random(
    postgres: Postgres, odoo: OdooServer, writers: list[Writers]
) -> None:
    users = Writers(odoo)
    writers.append(users)
    users.start(3)
    ended = 0
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        ended += postgres.terminate_backends("datname = %s AND state <> 'idle'", [odoo.dbname])
        time.sleep(random.uniform(0.02, 0.1))
    users.stop()
    assert ended > 10
    users.assert_exactly_once(postgres)
