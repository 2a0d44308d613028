"""The route of Patroni's guides, with the sidecar's help and without: who moves sooner."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from datetime import datetime

import psycopg2

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.haproxy import Haproxy
from tests.servers.patroni import PatroniCluster

#: As Patroni's guides have it; a connection that met the old primary's closed port goes to the
#: new one when it is tried again.
OPTIONS = """\
    option redispatch 1
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions"""


class Client(threading.Thread):
    """Connects again and again, as a pool does, until the server at ``address`` is writable."""

    def __init__(self, haproxy: Haproxy, address: str) -> None:
        super().__init__(daemon=True)
        self.haproxy = haproxy
        self.address = address
        self.done_at = 0.0
        self.start()

    def run(self) -> None:
        while not self.done_at:
            try:
                self._try()
            except psycopg2.Error:
                time.sleep(0.01)

    def _try(self) -> None:
        connection = psycopg2.connect(
            host=self.haproxy.address, port=self.haproxy.port, user="postgres", dbname="postgres",
            connect_timeout=10,
        )  # fmt: skip
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT host(inet_server_addr()), pg_is_in_recovery()")
                if cursor.fetchone() == (self.address, False):
                    self.done_at = time.monotonic()
        finally:
            connection.close()


def test_switchover_through_the_balancer(patroni: PatroniCluster) -> None:
    cluster = Cluster(patroni.etcd, {})
    first = patroni.nodes["pg1"]
    cluster.create_role(first.execute)
    servers = {
        name: f"{node.address}:{node.port} check port {node.url.rpartition(':')[2]}"
        for name, node in patroni.nodes.items()
    }
    with ExitStack() as stack:
        stock = stack.enter_context(Haproxy(servers, options=OPTIONS))
        helped = stack.enter_context(Haproxy(servers, options=OPTIONS))
        # Two sidecars agree on one balancer.
        sidecars = [
            stack.enter_context(Sidecar(cluster, haproxy_sockets=[str(helped.admin_socket)]))
            for _ in range(2)
        ]
        for sidecar in sidecars:
            sidecar.wait_for(state="stable", primary="pg1")
        sidecars[0].wait_for_synchronous_replica("pg2")
        for haproxy in (stock, helped):
            wait_until(lambda h=haproxy: h.up() == {"pg1"}, timeout=20, what="only pg1 is up")
        clients = [Client(haproxy, patroni.nodes["pg2"].address) for haproxy in (helped, stock)]
        status, answer = first.call("POST", "/switchover", {"leader": "pg1", "candidate": "pg2"})
        assert status == 200, answer
        new = sidecars[0].wait_for(state="stable", primary="pg2", timeout=20)
        proven_at = time.monotonic() - (
            time.time() - datetime.fromisoformat(new["since"]).timestamp()
        )
        for client in clients:
            client.join(30)
        with_it, without = (client.done_at - proven_at for client in clients)
        print(
            f"proof → a client writes through HAProxy: {with_it:.3f} s, by checks {without:.1f} s"
        )
        assert helped.up() == {"pg2"}
        # HAProxy tries a connection again after a second.
        assert 0 < with_it < 1.5
        assert with_it < without
