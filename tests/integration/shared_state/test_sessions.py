"""Sessions: one Redis primary lost is a pause; all of Redis lost is no logout."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.servers.odoo_client import NoAnswer, OdooClient
from tests.servers.redis import RedisCluster

STATIC = "/web/static/img/favicon.ico"


@pytest.fixture
def redis_up(redis_cluster: RedisCluster) -> Iterator[RedisCluster]:
    """All of Redis, running before the test and again after it."""
    yield redis_cluster
    for server in redis_cluster.servers:
        server.thaw()
        if not server.process.is_running():
            server.start()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            redis_cluster.primary()
            return
        except LookupError:
            time.sleep(0.2)


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


def test_without_any_redis_nobody_is_logged_out(
    redis_up: RedisCluster, first: OdooClient, second: OdooClient
) -> None:
    sid = first.session_id
    for server in redis_up.servers:
        server.freeze()
    for client in (first, second):
        response = client.get("/odoo")
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "Set-Cookie" not in response.headers
        with pytest.raises(NoAnswer) as caught:
            client.is_logged_in()
        assert caught.value.status == 503
        assert client.get(STATIC).status_code == 200
    for server in redis_up.servers:
        server.thaw()
    deadline = time.monotonic() + 30
    while first.get("/odoo").status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert first.is_logged_in()
    assert second.is_logged_in()
    assert first.session_id == sid
