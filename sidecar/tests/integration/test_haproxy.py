"""A real HAProxy's backend follows the proof: at once, alone, and nothing stays behind."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg2
import pytest

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.haproxy import BACKEND, Haproxy


def behind(cluster: Cluster, check: str = "check inter 200ms fall 3 rise 2") -> Haproxy:
    """An HAProxy whose checks pass for every server that accepts connections, replica or not."""
    servers = {
        f"db-{n}": f"{server.address}:{server.port} {check}"
        for n, server in enumerate(cluster.servers.values(), start=1)
    }
    return Haproxy(servers)


def followed(cluster: Cluster, haproxy: Haproxy, **settings: object) -> Sidecar:
    return Sidecar(cluster, haproxy_sockets=[str(haproxy.admin_socket)], **settings)


@pytest.fixture
def haproxy(cluster: Cluster) -> Iterator[Haproxy]:
    with behind(cluster) as haproxy:
        yield haproxy


def link(cluster: Cluster, haproxy: Haproxy) -> psycopg2.extensions.connection:
    return psycopg2.connect(
        host=haproxy.address, port=haproxy.port, user="ha_sidecar", password=cluster.password,
        dbname="postgres", connect_timeout=2,
    )  # fmt: skip


def in_recovery(connection: psycopg2.extensions.connection) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        row = cursor.fetchone()
    assert row is not None
    return bool(row[0])


def test_only_the_primary_is_up_although_all_checks_pass(
    cluster: Cluster, haproxy: Haproxy
) -> None:
    wait_until(lambda: haproxy.up() == {"db-1", "db-2"}, timeout=5, what="both checks pass")
    with followed(cluster, haproxy):
        wait_until(lambda: haproxy.up() == {"db-1"}, timeout=5, what="the replica is down")
    # The sidecar is gone: the checks decide again, nothing is left in maintenance.
    wait_until(lambda: haproxy.up() == {"db-1", "db-2"}, timeout=5, what="the checks decide again")


def test_slow_checks_never_bring_another_one_back(cluster: Cluster) -> None:
    with behind(cluster, "check inter 1s fall 3 rise 2") as haproxy, followed(cluster, haproxy):
        wait_until(lambda: haproxy.up() == {"db-1"}, timeout=5, what="the replica is down")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert haproxy.up() == {"db-1"}
            time.sleep(0.02)


def test_failing_checks_never_take_the_proven_primary_down(cluster: Cluster) -> None:
    """As when only Patroni's REST API hangs."""
    with behind(cluster, "check port 9 inter 1s fall 3 rise 2") as haproxy:
        with followed(cluster, haproxy):
            wait_until(lambda: haproxy.up() == {"db-1"}, timeout=5, what="the primary is up")
            connection = link(cluster, haproxy)
            time.sleep(4)
            assert not in_recovery(connection)
            connection.close()
        wait_until(lambda: haproxy.up() == set(), timeout=6, what="the checks decide again")


def test_servers_in_maintenance_are_left_alone(cluster: Cluster) -> None:
    with behind(cluster, "check port 9 inter 200ms fall 3 rise 2") as haproxy:
        haproxy.ask(f"set server {BACKEND}/db-2 state maint")
        wait_until(lambda: haproxy.up() == set(), timeout=5, what="the checks fail")
        with followed(cluster, haproxy):
            wait_until(lambda: haproxy.up() == {"db-1"}, timeout=5, what="the primary is up")
        row = haproxy.ask(f"show servers state {BACKEND}").splitlines()[3]
        assert int(row.split()[6]) == 1


def test_frozen_and_restarted_haproxy_is_brought_in_line_again(
    cluster: Cluster, haproxy: Haproxy
) -> None:
    with followed(cluster, haproxy) as sidecar:
        wait_until(lambda: haproxy.up() == {"db-1"}, timeout=5, what="the replica is down")
        haproxy.freeze()
        wait_until(
            lambda: any(line["event"].startswith("actor failed") for line in sidecar.log()),
            timeout=5, what="the complaint",
        )  # fmt: skip
        # The publication goes on, at its pace.
        cluster.elect("pg2")
        sidecar.wait_for(state="switching", timeout=0.5)
        cluster.elect("pg1")
        sidecar.wait_for(state="stable", timeout=0.5)
        haproxy.thaw()
        haproxy.process.stop()
        haproxy.start()
        wait_until(lambda: haproxy.up() == {"db-1"}, timeout=5, what="the replica is down")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("haproxy_backend", "nowhere", "haproxy_backend: nowhere: Can't find backend"),
        ("haproxy_sockets", "operator", "needs `level admin`"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    cluster: Cluster, haproxy: Haproxy, setting: str, value: str, said: str
) -> None:
    settings: dict[str, object] = {setting: value}
    if setting == "haproxy_sockets":
        settings = {setting: [f"tcp:{haproxy.address}:{haproxy.admin_port}"]}
    settings.setdefault("haproxy_sockets", [str(haproxy.admin_socket)])
    with Sidecar(cluster, **settings) as sidecar:
        wait_until(
            lambda: any(said in str(line.get("error")) for line in sidecar.log()),
            timeout=5, what=said,
        )  # fmt: skip
        assert haproxy.up() == {"db-1", "db-2"}


def test_servers_without_checks_are_refused(cluster: Cluster) -> None:
    with behind(cluster, "") as haproxy, followed(cluster, haproxy) as sidecar:
        wait_until(
            lambda: any("add `check`" in str(line.get("error")) for line in sidecar.log()),
            timeout=5, what="the refusal",
        )  # fmt: skip
        assert haproxy.up() == {"db-1", "db-2"}


def test_promotion_moves_connections_at_once(own_cluster: Cluster) -> None:
    """The checks here would never notice: every server accepts connections."""
    with behind(own_cluster) as haproxy, followed(own_cluster, haproxy) as sidecar:
        wait_until(lambda: haproxy.up() == {"db-1"}, timeout=5, what="the replica is down")
        old = link(own_cluster, haproxy)
        assert not in_recovery(old)
        own_cluster.elect("pg2")
        own_cluster.servers["pg2"].promote()
        sidecar.wait_for(state="stable", primary="pg2", epoch=2)
        proven_at = time.monotonic()
        wait_until(lambda: "db-1" not in haproxy.up(), timeout=1, what="moved", interval=0.001)
        print(f"proof → HAProxy's servers moved: {(time.monotonic() - proven_at) * 1000:.0f} ms")
        with pytest.raises(psycopg2.OperationalError):
            in_recovery(old)
        new = link(own_cluster, haproxy)
        with new.cursor() as cursor:
            cursor.execute("SELECT host(inet_server_addr())")
            assert cursor.fetchone() == (own_cluster.servers["pg2"].address,)
        new.close()
        old.close()


def test_check_says_what_it_finds(cluster: Cluster, haproxy: Haproxy) -> None:
    sidecar = followed(cluster, haproxy)
    done = sidecar.check()
    assert done.returncode == 0, done.stdout
    assert "db-1 up, db-2 up" in done.stdout
    haproxy.freeze()
    done = sidecar.check()
    assert "(setting haproxy_sockets)" in done.stdout
    sidecar.__exit__(None, None, None)
