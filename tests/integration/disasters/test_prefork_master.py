"""Disaster: PostgreSQL is away for five seconds and the whole Odoo node is gone for good.

With ``db_name`` set, the prefork master looks at its databases each time it starts a worker.
The cron worker dies with its connection; starting the next one raises in the master.
"""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.servers.odoo import Variant
from tests.servers.odoo_client import OdooClient
from tests.servers.postgres import Postgres

from .conftest import StartOdoo


def test_the_master_outlives_the_database(
    variant: Variant, start_odoo: StartOdoo, postgres: Postgres
) -> None:
    odoo = start_odoo(workers=2)
    client = odoo.client()
    client.login(odoo.dbname)
    master = odoo.process.pid

    postgres.kill()
    time.sleep(5)
    postgres.start()

    if variant == "stock":
        odoo.process.wait(timeout=10)
        assert "Stopping forcefully" in odoo.log_text()
        return
    with pytest.raises(subprocess.TimeoutExpired):
        odoo.process.wait(timeout=3)
    assert odoo.process.pid == master
    assert client.is_logged_in()
    assert OdooClient(odoo.gevent_url).get("/websocket/health").status_code == 200
    assert len(odoo.process.tree()) >= 5  # master, 2 HTTP workers, cron worker, gevent
