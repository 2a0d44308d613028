"""Every slot of the pool is in a query on a server that hangs, and more users come."""

from __future__ import annotations

import itertools
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

from .conftest import Publisher

SLOTS = 4
LINGERING = "query LIKE '%%ha_test linger%%' AND state = 'active' AND datname = %s"
_numbers = itertools.count(1)


def test_the_pool_refills_and_nobody_hears_of_it(
    resources: ExitStack, publisher: Publisher
) -> None:
    primary = resources.enter_context(Postgres())
    replica = resources.enter_context(primary.replica())
    resources.callback(primary.thaw)
    publisher.stable(primary, timeline=1)
    odoo = OdooServer(
        [primary, replica],
        f"hung_pool_{next(_numbers)}",
        variant="suite",
        options={"db_maxconn": SLOTS, "max_cron_threads": 0},
        ha={"topology_path": publisher.path},
        # As many at once as come; stock lets half as many in as there are slots.
        environment={"ODOO_MAX_HTTP_THREADS": "32"},
    )
    odoo.install("base", "web", "ha_test", "ha_failover")
    with odoo:
        clients = [odoo.client() for _ in range(3 * SLOTS)]
        for client in clients:
            client.login(odoo.dbname)
        primary.wait_for_replica(replica)
        tokens = [uuid.uuid4().hex for _ in clients]
        users = resources.enter_context(ThreadPoolExecutor(len(clients)))
        hung = [
            users.submit(client.call, "ha.test.row", "create_slowly", token, 3)
            for client, token in zip(clients[:SLOTS], tokens[:SLOTS], strict=True)
        ]
        query = f"SELECT count(*) FROM pg_stat_activity WHERE {LINGERING}"
        wait_until(
            lambda: primary.execute(query, [odoo.dbname]) == [(SLOTS,)],
            timeout=10,
            what="every slot is in a query",
        )
        primary.freeze()
        others = [
            users.submit(client.call, "ha.test.row", "create", {"token": token})
            for client, token in zip(clients[SLOTS:], tokens[SLOTS:], strict=True)
        ]
        # The sidecar needs a while to notice: nothing tells Odoo yet that the server hangs.
        threading.Event().wait(1.5)
        publisher.lost()
        replica.promote()
        publisher.stable(replica, timeline=2)
        errors = [answer.exception(timeout=60) for answer in (*hung, *others)]
        assert not [error for error in errors if error]
        rows = replica.execute("SELECT token FROM ha_test_row", dbname=odoo.dbname)
        assert sorted(token for (token,) in rows) == sorted(tokens)
        assert "Pool Is Full" not in odoo.log_text()
