"""One user of one Odoo, whose links to a primary with a replica go through a proxy that cuts them."""

from __future__ import annotations

import collections
import random
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import psutil

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient
from tests.servers.postgres import Postgres
from tests.servers.postgres_proxy import PostgresProxy
from tests.servers.processes import discard

from .conftest import Publisher

HOLD_S = 20
WAITS = "wait_event = 'SyncRep' AND datname = %s"


class Pair:
    """A primary with a synchronous replica behind a proxy; after a failover there is a new replica."""

    def __init__(self, resources: ExitStack) -> None:
        self._resources = resources
        self.primary = resources.enter_context(Postgres())
        self.proxy = resources.enter_context(
            PostgresProxy((self.primary.address, self.primary.port))
        )
        self.timeline = 1
        self.replica: Postgres | None = None

    def follow(self) -> Postgres:
        """Clone a replica for the primary and make COMMIT wait for it."""
        self.replica = self._resources.enter_context(self.primary.replica())
        self.synchronous(True)
        state = "SELECT sync_state FROM pg_stat_replication"
        wait_until(lambda: self.primary.execute(state) == [("sync",)], timeout=20, what="sync")
        return self.replica

    def fail_over(self) -> None:
        assert self.replica is not None
        old, self.primary, self.replica = self.primary, self.replica, None
        old.kill()
        discard(old.base)
        self.stop_receiving(False)
        self.primary.promote()
        self.synchronous(False)
        self.timeline += 1
        self.proxy.target = (self.primary.address, self.primary.port)

    def stop_receiving(self, stopped: bool) -> None:
        """Freeze or thaw the replica's WAL receiver."""
        server = self.replica or self.primary
        for process in server.process.tree():
            try:
                if "walreceiver" in " ".join(process.cmdline()):
                    process.send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)
            except psutil.Error:
                continue

    def lag(self) -> None:
        """Cut the replica off from what the primary writes from now on."""
        assert self.replica is not None
        self.primary.wait_for_replica(self.replica)
        self.replica.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.replica.execute("SELECT pg_reload_conf()")
        receiving = "SELECT 1 FROM pg_stat_wal_receiver"
        replica = self.replica
        wait_until(lambda: not replica.execute(receiving), timeout=10, what="the replica lags")

    def synchronous(self, on: bool) -> None:
        """Does a COMMIT wait for the replica?"""
        names = "'*'" if on else "''"
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = {names}")
        self.primary.execute("SELECT pg_reload_conf()")
        show = "SHOW synchronous_standby_names"
        wait_until(
            lambda: self.primary.execute(show) == [(names.strip("'"),)], timeout=5, what=show
        )


class Laboratory:
    """One user of one Odoo on such a pair."""

    def __init__(self, resources: ExitStack, publisher: Publisher, **ha: object) -> None:
        self.pair = Pair(resources)
        self.proxy = self.pair.proxy
        self.publisher = publisher
        self._ha = {"topology_path": publisher.path, "hold_timeout": HOLD_S, **ha}
        self.odoo = self._node(f"commit_points_{random.randrange(10**6)}")
        self.publisher.stable(self.proxy, timeline=1)
        self.odoo.install("base", "web", "ha_test", "ha_failover")
        self.pair.follow()
        resources.enter_context(self.odoo)
        self.client: OdooClient = self.odoo.client(timeout=HOLD_S + 20)
        self.client.login(self.odoo.dbname)
        self._user = resources.enter_context(ThreadPoolExecutor(1))

    def _node(self, dbname: str) -> OdooServer:
        return OdooServer(
            self.pair.primary,
            dbname,
            variant="suite",
            ha=self._ha,
            options={
                "max_cron_threads": 0,
                "db_host": self.proxy.address,
                "db_port": self.proxy.port,
            },
        )

    def another_node(self) -> OdooServer:
        """A second Odoo on the same database; its user starts it."""
        return self._node(self.odoo.dbname)

    def create(self, token: str) -> Future[object]:
        """The user saves a row; the answer is yet to come."""
        return self._user.submit(self.client.call, "ha.test.row", "create_with_hook", token)

    def wait_for_commit_in_standby_wait(self) -> None:
        query = f"SELECT pid FROM pg_stat_activity WHERE {WAITS}"
        wait_until(
            lambda: self.pair.primary.execute(query, [self.odoo.dbname]),
            timeout=10,
            what="a COMMIT waits for its standby",
        )

    def fail_over(self) -> None:
        """As the sidecar tells it: lost, then the new primary."""
        self.publisher.lost()
        self.pair.fail_over()
        self.new_epoch()

    def new_epoch(self) -> None:
        self.publisher.stable(self.proxy, timeline=self.pair.timeline)

    def rows(self) -> collections.Counter[str]:
        """How often each token is there, on the present primary."""
        found = self.pair.primary.execute(
            "SELECT token, count(*) FROM ha_test_row GROUP BY 1", dbname=self.odoo.dbname
        )
        return collections.Counter(dict(found))

    def hooks(self) -> collections.Counter[str]:
        """How often each token's post-commit hook ran."""
        words = "post-commit hook of"
        lines = (line for line in self.odoo.log_text().splitlines() if words in line)
        return collections.Counter(line.rsplit(maxsplit=1)[-1] for line in lines)
