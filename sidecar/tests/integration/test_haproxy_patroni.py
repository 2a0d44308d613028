"""The route of Patroni's guides, with the sidecar's help and without: who moves sooner."""

from __future__ import annotations

import time
from contextlib import ExitStack

import psycopg2

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.haproxy import Haproxy
from tests.servers.patroni import PatroniCluster

#: As Patroni's guides have it.
OPTIONS = """\
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions"""


def writable(haproxy: Haproxy) -> bool:
    try:
        connection = psycopg2.connect(
            host=haproxy.address, port=haproxy.port, user="postgres", dbname="postgres",
            connect_timeout=2, target_session_attrs="read-write",
        )  # fmt: skip
    except psycopg2.OperationalError:
        return False
    connection.close()
    return True


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
        status, answer = first.call("POST", "/switchover", {"leader": "pg1", "candidate": "pg2"})
        assert status == 200, answer
        sidecars[0].wait_for(state="stable", primary="pg2", timeout=20)
        proven_at = time.monotonic()
        with_it = wait_until(lambda: writable(helped), timeout=10, what="helped", interval=0.005)
        wait_until(lambda: writable(stock), timeout=30, what="checks", interval=0.005)
        without = time.monotonic() - proven_at
        print(f"proof → writable through HAProxy: {with_it * 1000:.0f} ms, alone {without:.1f} s")
        assert with_it < 0.5
        assert with_it < without
        assert helped.up() == {"pg2"}
