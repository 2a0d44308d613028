"""A switchover holds what is new and lets what is open end, with all that it needs to end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

from .conftest import Publisher

LINGERS = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%ha_test linger%%' AND datname = %s"


def test_what_is_open_may_open_more(
    postgres: Postgres, suite_template: OdooServer, publisher: Publisher
) -> None:
    publisher.stable(postgres, timeline=1)
    odoo = OdooServer(
        postgres,
        "switchover_hold",
        variant="suite",
        options={"max_cron_threads": 0},
        ha={"topology_path": publisher.path, "hold_timeout": 60},
    )
    odoo.copy_database(suite_template)
    with odoo, ThreadPoolExecutor() as users:
        early, late = odoo.client(), odoo.client()
        for client in (early, late):
            client.login(odoo.dbname)
        row = users.submit(early.call, "ha.test.row", "create_beside", "beside", 2)
        wait_until(
            lambda: postgres.execute(LINGERS, [odoo.dbname]),
            timeout=10,
            what="the request has begun",
        )
        publisher.switching()
        time.sleep(0.5)  # the process looks every 0.03 s
        held = users.submit(late.call, "ha.test.row", "create", {"token": "late"})
        assert row.result(10)
        assert not held.done()
        publisher.stable(postgres, timeline=1)
        assert held.result(20)
