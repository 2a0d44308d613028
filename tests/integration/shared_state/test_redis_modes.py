"""Each way in which Redis is run: a Cluster, a Unix socket, TLS; and those that refuse."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.servers.addresses import wait_until
from tests.servers.authority import Authority
from tests.servers.odoo_here import suite_module
from tests.servers.redis import SERVICE, RedisCluster
from tests.servers.redis_modes import PlainRedis, ShardedRedis

PASSWORD = "a-password-of-the-tests"


def open_store(**settings: Any) -> Any:
    """A store as a server process builds it; no database is near."""
    module = suite_module("ha_session_redis.store")
    chosen = suite_module("ha_session_redis.settings").Settings(
        **{"redis_retry_budget": 1.0} | settings
    )
    return module.RedisSessionStore(chosen)


def assert_contract(store: Any) -> None:
    """What a visitor's session goes through, and what a revocation does."""
    sessions = []
    for number in range(6):
        session = store.new()
        session.update(number=number, context={}, create_time=0)
        store.save(session)
        sessions.append(session)
    identifiers = [session.sid[:42] for session in sessions]
    assert [store.get(session.sid)["number"] for session in sessions] == list(range(6))
    old = store.get(sessions[0].sid)
    store.rotate(sessions[0], None, soft=True)
    assert store.get(old.sid)["next_sid"] == sessions[0].sid
    store.rotate(sessions[1], None)
    store.delete(sessions[2])
    assert store.get_missing_session_identifiers(identifiers) == set(identifiers[1:3])
    store.delete_from_identifiers(identifiers[3:])
    store.save(sessions[3])
    assert store.get(sessions[3].sid).is_new
    assert store.get_missing_session_identifiers(identifiers) == set(identifiers[1:])
    assert not store.get(sessions[0].sid).is_new


def test_a_cluster() -> None:
    commands = "+@read +@write +@scripting +time +ping +cluster|slots +cluster|shards +command"
    with ShardedRedis(f"user odoo on >{PASSWORD} ~odoo:* {commands}") as sharded:
        store = open_store(
            redis_cluster=sharded.addresses[:2], redis_username="odoo", redis_password=PASSWORD
        )
        assert_contract(store)
        for _ in range(20):
            store.save(store.new())
        assert all(sharded.keys()), "each primary has its share"


def test_a_cluster_that_is_away_is_no_traceback() -> None:
    store = open_store(redis_cluster=(("127.0.0.1", 1),))
    with pytest.raises(unavailable()):
        store.get(store.generate_key())


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_sentinels_over_a_failover(fault: str) -> None:
    """Threads read and save through it; what ended before it, in good time, stays ended."""
    with RedisCluster() as cluster:
        store = open_store(
            redis_sentinels=tuple((one.address, one.port) for one in cluster.sentinels),
            redis_sentinel_service=SERVICE,
            redis_password=cluster.password,
            redis_timeout=0.5,
            redis_retry_budget=120.0,
        )
        assert_contract(store)
        sessions = [store.new() for _ in range(5)]
        for session in sessions:
            session["saved"] = 0
            store.save(session)
        ended = sessions.pop()
        store.delete(ended)
        old = cluster.primary()
        with old.client() as client:
            assert client.wait(2, 30000) == 2, "the replicas have it"
        rounds = dict.fromkeys((session.sid for session in sessions), 0)
        failures: list[Exception] = []
        over = threading.Event()

        def work(sid: str) -> None:
            try:
                while not over.is_set():
                    session = store.get(sid)
                    assert not session.is_new
                    session["saved"] += 1
                    store.save(session)
                    rounds[sid] += 1
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=[sid]) for sid in rounds]
        for thread in threads:
            thread.start()
        getattr(old, fault)()
        cluster.wait_for_failover(old, timeout=120)
        before = dict(rounds)
        wait_until(
            lambda: failures or all(rounds[sid] > before[sid] + 5 for sid in rounds),
            timeout=120,
            what="all go on with the new primary",
        )
        over.set()
        for thread in threads:
            thread.join(120)
        old.thaw()
        assert failures == []
        assert store.get(ended.sid).is_new


def test_a_unix_socket() -> None:
    with PlainRedis(f"requirepass {PASSWORD}", port=False) as server:
        assert_contract(open_store(redis_url=f"unix://{server.socket}", redis_password=PASSWORD))


def test_an_acl_user_needs_its_own_keys_only() -> None:
    user = f"user odoo on >{PASSWORD} ~odoo:* +@read +@write +@scripting +time +ping"
    with PlainRedis(user, f"requirepass {PASSWORD}x") as server:
        store = open_store(
            redis_url=f"redis://{server.address}:{server.port}",
            redis_username="odoo",
            redis_password=PASSWORD,
        )
        assert_contract(store)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def tls_server(authority: Authority, *, expired: bool = False) -> PlainRedis:
    """A Redis that speaks TLS only and asks each client for its certificate."""
    lines = (
        "tls-port {port}",
        "tls-cert-file {base}/server.crt",
        "tls-key-file {base}/server.key",
        "tls-ca-cert-file {base}/ca.crt",
        "tls-auth-clients yes",
    )
    server = PlainRedis(*lines, port=False)
    certificate, key = authority.issue("server", [server.address], expired=expired)
    for source in (certificate, key, authority.certificate):
        (server.base / source.name).write_bytes(source.read_bytes())
    return server


def tls_settings(authority: Authority, server: PlainRedis) -> dict[str, Any]:
    certificate, key = authority.issue("client", [])
    return {
        "redis_url": f"redis://{server.address}:{server.port}",
        "redis_tls": True,
        "redis_tls_ca": str(authority.certificate),
        "redis_tls_certificate": str(certificate),
        "redis_tls_key": str(key),
    }


def test_tls_with_certificates_on_both_sides(authority: Authority, tmp_path: Path) -> None:
    with tls_server(authority) as server:
        settings = tls_settings(authority, server)
        assert_contract(open_store(**settings))
        without = settings | {"redis_tls_certificate": None, "redis_tls_key": None}
        with pytest.raises(unavailable()):
            open_store(**without).get("x" * 84)
        (tmp_path / "other").mkdir()
        stranger = Authority(tmp_path / "other")
        with pytest.raises(unavailable()):
            open_store(**settings | {"redis_tls_ca": str(stranger.certificate)}).get("x" * 84)


def test_an_expired_certificate_is_one_line(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    with tls_server(authority, expired=True) as server:
        store = open_store(**tls_settings(authority, server))
        lines = refusals(store, caplog)
    assert len(lines) == 1
    assert "certificate has expired" in lines[0]
    assert "redis_tls_ca" in lines[0]


def test_a_wrong_password_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with PlainRedis(f"requirepass {PASSWORD}") as server:
        url = f"redis://{server.address}:{server.port}"
        store = open_store(redis_url=url, redis_password="wrong-guess")
        lines = refusals(store, caplog)
        assert len(lines) == 1
        assert "redis_password" in lines[0]
        assert "wrong-guess" not in caplog.text


def test_a_full_redis_is_one_line_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    with PlainRedis() as server:
        store = open_store(redis_url=f"redis://{server.address}:{server.port}")
        session = store.new()
        store.save(session)
        with server.client() as admin:
            admin.config_set("maxmemory", "1")
            caplog.set_level(logging.INFO)
            for _ in range(5):
                with pytest.raises(unavailable()):
                    store.save(session)
            assert not store.connection.probe()
            errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
            assert len(errors) == 1
            assert "memory" in errors[0].message
            admin.config_set("maxmemory", "0")
        assert store.connection.probe()
        store.connection.returned(complete=True)
        store.save(session)


def test_a_demoted_redis_is_left_and_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """A virtual address leads to another server after a failover; old links lead to the old one."""
    with PlainRedis() as server:
        store = open_store(redis_url=f"redis://{server.address}:{server.port}")
        session = store.new()
        store.save(session)
        with server.client() as admin:
            links = admin.info("stats")["total_connections_received"]
            admin.replicaof("127.0.0.1", 1)
            with pytest.raises(unavailable()):
                store.save(session)
            assert admin.info("stats")["total_connections_received"] > links + 1
            admin.replicaof("NO", "ONE")
        wait_until(store.connection.probe, timeout=5, what="it is writable again")
        store.connection.returned(complete=True)
        store.save(session)
    refused = [r.getMessage() for r in caplog.records if "refuses" in r.getMessage()]
    assert refused == []


def refusals(store: Any, caplog: pytest.LogCaptureFixture) -> list[str]:
    """The error lines of twenty requests and five probes; none has a traceback."""
    for _ in range(20):
        with pytest.raises(unavailable()):
            store.get(store.generate_key())
    for _ in range(5):
        assert not store.connection.probe()
    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert all(record.exc_info is None for record in records)
    return [record.getMessage() for record in records]


def unavailable() -> type[Exception]:
    error: type[Exception] = suite_module("ha_session_redis.errors").SessionStoreUnavailable
    return error
