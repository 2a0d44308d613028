"""Sessions: one Redis primary lost is a pause; all of Redis lost is no logout."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient
from tests.servers.redis import RedisCluster

from .conftest import DATABASE

STATIC = "/web/static/img/favicon.ico"


@pytest.fixture
def redis_up(redis_cluster: RedisCluster) -> Iterator[RedisCluster]:
    """All of Redis, running before the test and again after it."""
    yield redis_cluster
    for server in (*redis_cluster.servers, *redis_cluster.sentinels):
        server.process.thaw()
        if not server.process.is_running():
            server.process.start()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            redis_cluster.primary()
            return
        except LookupError:
            time.sleep(0.2)


def browser(nodes: tuple[OdooServer, OdooServer]) -> tuple[OdooClient, OdooClient]:
    """One client for each node, to be given the same cookie."""
    return nodes[0].client(), nodes[1].client()


def test_a_session_is_known_to_each_node(first: OdooClient, second: OdooClient) -> None:
    assert second.is_logged_in()
    second.get("/web/session/logout")
    assert not first.is_logged_in()
    assert not second.is_logged_in()


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_a_lost_redis_primary_is_a_pause(
    redis_up: RedisCluster, first: OdooClient, second: OdooClient, fault: str
) -> None:
    sid = first.session_id
    old = redis_up.primary()
    time.sleep(1)  # what was just written has reached the replicas
    answers: list[bool] = []
    failures: list[Exception] = []

    def browse(client: OdooClient) -> None:
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            try:
                answers.append(client.is_logged_in())
            except Exception as error:
                failures.append(error)
            time.sleep(0.1)

    users = [threading.Thread(target=browse, args=[client]) for client in (first, second)]
    for user in users:
        user.start()
    time.sleep(0.5)
    getattr(old, fault)()
    redis_up.wait_for_failover(old)
    for user in users:
        user.join(60)
    assert failures == []
    assert answers
    assert all(answers)
    assert first.session_id == sid


def _in_redis(cluster: RedisCluster, sid: str | None) -> bool:
    """Does Redis itself have the session?"""
    assert sid
    try:
        with cluster.primary().client() as client:
            return bool(client.exists(f"odoo:session:{{{sid[:42]}}}:{sid[42:]}"))
    except (LookupError, redis.RedisError):
        return False


def _counted(client: OdooClient, name: str) -> object:
    """What the node's one process counted of its session store."""
    (check,) = client.get("/web/health").json()["checks"][f"sessions:{name}"]
    return check["observedValue"]


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_all_of_redis_gone_is_no_logout(
    redis_up: RedisCluster,
    nodes: tuple[OdooServer, OdooServer],
    first: OdooClient,
    second: OdooClient,
    fault: str,
) -> None:
    sid = first.session_id
    leaving, leaving_too = browser(nodes)
    leaving.login(DATABASE)
    leaving_too.http.cookies.set("session_id", str(leaving.session_id))
    assert leaving_too.is_logged_in()
    for server in (*redis_up.servers, *redis_up.sentinels):
        getattr(server.process, fault)()
    assert first.is_logged_in()
    assert second.is_logged_in()
    started = time.monotonic()
    assert all(client.is_logged_in() for client in (first, second) * 3)
    assert time.monotonic() - started < 15, "each worker waits once at most"
    # A logout and a login during the outage, each seen by the other node.
    old = leaving.session_id
    leaving.get("/web/session/logout")
    assert not leaving_too.is_logged_in()
    arriving, arriving_too = browser(nodes)
    arriving.login(DATABASE)
    arriving_too.http.cookies.set("session_id", str(arriving.session_id))
    assert arriving_too.is_logged_in()
    assert second.get(STATIC).status_code == 200
    assert _counted(second, "state") == "open"
    assert _counted(second, "fallback_reads")

    for server in (*redis_up.servers, *redis_up.sentinels):
        server.process.thaw()
        if not server.process.is_running():
            server.process.start()

    def back() -> bool:
        assert first.is_logged_in()
        assert second.is_logged_in()
        assert arriving.is_logged_in()
        assert arriving_too.is_logged_in()
        assert not leaving_too.is_logged_in()
        return _in_redis(redis_up, arriving.session_id) and _counted(second, "state") == "closed"

    wait_until(back, timeout=60, what="Redis is in use again")
    assert _counted(second, "hits")
    leaving.http.cookies.set("session_id", str(old))
    for _ in range(10):
        assert not leaving.is_logged_in()
        assert not leaving_too.is_logged_in()
        assert first.is_logged_in()
        assert second.is_logged_in()
    assert first.session_id == sid
