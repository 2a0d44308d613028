"""From stock's files to Redis and back: by first use, and all at once by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.servers.odoo_here import suite_module
from tests.servers.odoo_source import SUITE_ADDONS, OdooSource
from tests.servers.redis_modes import PlainRedis, ShardedRedis

DAY = 86400


@pytest.fixture
def server() -> Any:
    with PlainRedis() as running:
        yield running


@pytest.fixture
def configuration(server: PlainRedis, tmp_path: Path) -> Path:
    return write_configuration(tmp_path, f"redis_url = redis://{server.address}:{server.port}")


def write_configuration(tmp_path: Path, redis: str) -> Path:
    source = OdooSource.find()
    addons = ",".join(str(path) for path in [*source.addons, SUITE_ADDONS])
    path = tmp_path / "odoo.conf"
    path.write_text(
        f"[options]\naddons_path = {addons}\ndata_dir = {tmp_path}\n"
        "server_wide_modules = base,rpc,web,ha_base\nlog_level = warn\n"
        f"[ha]\n{redis}\n"
    )
    return path


def ha_sessions(configuration: Path, *arguments: str) -> str:
    """Run the command; what it printed."""
    done = run(configuration, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run(configuration: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    source = OdooSource.find()
    addons = ",".join(str(path) for path in [*source.addons, SUITE_ADDONS])
    command = [sys.executable, str(source.script), f"--addons-path={addons}", "ha_sessions"]
    return subprocess.run(
        [*command, *arguments, "-c", str(configuration)],
        env={**os.environ, "PYTHONPATH": str(source.python_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def open_store(server: PlainRedis | ShardedRedis, data_dir: Path) -> Any:
    module = suite_module("ha_session_redis.store")
    if isinstance(server, ShardedRedis):
        where: dict[str, Any] = {"redis_cluster": server.addresses}
    else:
        where = {"redis_url": f"redis://{server.address}:{server.port}"}
    chosen = suite_module("ha_session_redis.settings").Settings(**where)
    store = module.RedisSessionStore(chosen)
    store._origins.files._path = str(data_dir / "sessions")
    return store


def write_file(data_dir: Path, sid: str, *, age: float = 0, **values: Any) -> Path:
    """A session as stock keeps it."""
    path = data_dir / "sessions" / sid[:2] / sid
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"context": {}, "create_time": 0, **values}))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_a_session_in_a_file_is_taken_over_at_its_first_use(
    server: PlainRedis, tmp_path: Path
) -> None:
    store = open_store(server, tmp_path)
    fresh, old, dead = (store.generate_key() for _ in range(3))
    write_file(tmp_path, fresh, cart=7)
    write_file(tmp_path, old, age=6 * DAY)
    write_file(tmp_path, dead, age=8 * DAY)
    assert store.get(fresh)["cart"] == 7
    assert not store.get(old).is_new
    assert store.get(dead).is_new
    with server.client() as client:
        left = client.pttl(store.documents.document_key(old)) / 1000
    assert abs(left - DAY) < 1800, "it keeps the life it had left"


def test_rotated_and_ended_sessions_do_not_come_back_from_files(
    server: PlainRedis, tmp_path: Path
) -> None:
    store = open_store(server, tmp_path)
    identifier = store.generate_key()[:42]
    old, new = (identifier + store.generate_key()[42:] for _ in range(2))
    write_file(tmp_path, old, next_sid=new, deletion_time=time.time() + 60)
    write_file(tmp_path, new)
    assert store.get(old)["next_sid"] == new
    with server.client() as client:
        assert client.pttl(store.documents.document_key(old)) <= 60_000
    store.delete(store.get(old))
    assert store.get(old).is_new
    assert store.get(new).is_new
    assert not list((tmp_path / "sessions").rglob(f"{identifier}*"))


def test_what_is_no_session_is_left_alone(
    server: PlainRedis, configuration: Path, tmp_path: Path
) -> None:
    store = open_store(server, tmp_path)
    sid = store.generate_key()
    foreign = write_file(tmp_path, sid)
    for content in ("", "[1]", "{broken", "[" * 100000):
        foreign.write_text(content)
        assert store.get(sid).is_new
        store._origins.forget_absent()
    known = store.new()
    store.save(known)
    with server.client() as client:
        client.set(b"odoo:session:\xff\xfe", "not text")
        client.set("odoo:session:other", "too short")
        client.lpush(store.documents.document_key(store.generate_key()), "a list")
        client.set(store.documents.document_key(store.generate_key()), "{broken", px=60000)
    assert ha_sessions(configuration, "export").endswith("exported 1, unreadable 2")
    assert ha_sessions(configuration, "count") == "files 2\nredis 3"
    assert ha_sessions(configuration, "import").endswith("expired 1, known 1")


def test_there_and_back(server: PlainRedis, configuration: Path, tmp_path: Path) -> None:
    go_there_and_back(server, configuration, tmp_path)
    assert ha_sessions(configuration, "purge", "redis", "--yes").endswith("deleted 50")
    assert ha_sessions(configuration, "count") == "files 50\nredis 0"


def test_there_and_back_with_a_cluster(tmp_path: Path) -> None:
    with ShardedRedis() as sharded:
        named = ",".join(f"{address}:{port}" for address, port in sharded.addresses)
        configuration = write_configuration(tmp_path, f"redis_cluster = {named}")
        go_there_and_back(sharded, configuration, tmp_path)
        assert ha_sessions(configuration, "purge", "redis", "--yes").endswith("deleted 50")
        assert ha_sessions(configuration, "count") == "files 50\nredis 0"
        sharded.nodes[1].kill()
        done = run(configuration, "count")
        assert done.returncode != 0
        assert "Traceback" not in done.stderr


def go_there_and_back(
    server: PlainRedis | ShardedRedis, configuration: Path, tmp_path: Path
) -> None:
    store = open_store(server, tmp_path)
    sids = [store.generate_key() for _ in range(50)]
    for sid in sids:
        write_file(tmp_path, sid, age=DAY, number=sids.index(sid))
    dead = store.generate_key()
    write_file(tmp_path, dead, age=8 * DAY)
    assert ha_sessions(configuration, "import").endswith("expired 1, imported 50")
    assert ha_sessions(configuration, "import").endswith("expired 1, known 50")
    assert ha_sessions(configuration, "count") == "files 51\nredis 50"
    assert ha_sessions(configuration, "purge", "files", "--yes").endswith("deleted 51")
    assert [store.get(sid)["number"] for sid in sids] == list(range(50))
    assert ha_sessions(configuration, "export").endswith("exported 50")
    assert ha_sessions(configuration, "export").endswith("known 50")
    path = tmp_path / "sessions" / sids[7][:2] / sids[7]
    assert json.loads(path.read_text())["number"] == 7
    assert abs(time.time() - path.stat().st_mtime - DAY) < 1800, "it keeps the life it had left"


def test_an_absent_redis_and_a_careless_purge_are_one_line(
    server: PlainRedis, configuration: Path
) -> None:
    done = run(configuration, "purge", "redis")
    assert done.returncode != 0
    assert "--yes" in done.stderr
    server.end()
    for verb in ("export", "count"):
        done = run(configuration, verb)
        assert done.returncode != 0
        assert "run this again" in done.stderr
        assert "Traceback" not in done.stderr
