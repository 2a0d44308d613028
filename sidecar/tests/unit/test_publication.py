"""The document, the file it is written to, the socket it is served on, and what is remembered."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from ha_sidecar.api import Api, health
from ha_sidecar.cluster import ClusterView, Member, Primary, ReplicaLag, Source, SyncMode
from ha_sidecar.document import encode, timestamp, topology
from ha_sidecar.errors import ConfigError, StateError
from ha_sidecar.memory_file import MemoryFile
from ha_sidecar.metrics import Metrics
from ha_sidecar.node_watch import NodeWatcher
from ha_sidecar.notify import Notifier
from ha_sidecar.publisher import Publisher
from ha_sidecar.state import Memory, State
from ha_sidecar.transitions import Phase

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
PRIMARY = Primary("pg1", "10.0.0.11", 5432, 3, "7000")
MEMORY = Memory(17, "7000", 3, PRIMARY)
STATE = State(MEMORY, Phase.STABLE, PRIMARY, since=NOW, source=Source.ETCD)
VIEW = ClusterView(
    "pg1",
    (
        Member("pg1", "10.0.0.11", 5432, "primary", "running", 3),
        Member("pg2", "10.0.0.12", 5432, "replica", "streaming", 3, "0/2000000"),
        Member("pg3", "10.0.0.13", 5432, "replica", "streaming", 3, "0/1000000"),
    ),
    "7000",
    SyncMode.ON,
    frozenset({"pg3"}),
)


def test_document_has_the_agreed_form() -> None:
    lags = {"pg2": ReplicaLag("0/3000060", 128, 0.25, "quorum", 32)}
    assert topology("demo", STATE, VIEW, lags, NOW) == {
        "version": 1,
        "scope": "demo",
        "epoch": 17,
        "state": "stable",
        "primary": {
            "name": "pg1",
            "host": "10.0.0.11",
            "port": 5432,
            "timeline": 3,
            "system_identifier": "7000",
        },
        "replicas": [
            {
                "name": "pg2", "host": "10.0.0.12", "port": 5432, "timeline": 3,
                "state": "streaming", "sync": False, "replay_lsn": "0/3000060",
                "lag_bytes": 128, "lag_seconds": 0.25, "missing_bytes": 32, "nofailover": False,
                "streams": True,
            },
            {
                "name": "pg3", "host": "10.0.0.13", "port": 5432, "timeline": 3,
                "state": "streaming", "sync": True, "replay_lsn": "0/1000000",
                "lag_bytes": None, "lag_seconds": None, "missing_bytes": None, "nofailover": False,
                "streams": False,
            },
        ],
        "sync_mode": "on",
        # pg3 is the synchronous one, but doesn't stream; pg2 isn't synchronous.
        "failover": {"candidates": [], "data_loss": "no failover", "loss_bytes": None},
        "since": "2026-01-02T03:04:05.000678Z",
        "observed_at": "2026-01-02T03:04:05.000678Z",
        "source": "etcd",
    }  # fmt: skip


def test_without_patroni_s_synchronous_mode_the_server_itself_is_asked() -> None:
    lags = {"pg2": ReplicaLag("0/3000060", 128, 0.25, "quorum")}
    view = replace(VIEW, sync_mode=SyncMode.OFF, sync_names=frozenset())
    replicas = topology("demo", STATE, view, lags, NOW)["replicas"]
    assert [(each["name"], each["sync"]) for each in replicas] == [("pg2", True), ("pg3", False)]


def test_document_of_a_lost_cluster() -> None:
    lost = replace(STATE, phase=Phase.LOST, primary=None, source=None)
    document = topology("demo", lost, None, {}, NOW)
    assert (document["state"], document["primary"], document["epoch"]) == ("lost", None, 17)
    assert (document["replicas"], document["source"]) == ([], "sql")
    leaderless = topology("demo", lost, replace(VIEW, leader=None), {}, NOW)
    assert [each["name"] for each in leaderless["replicas"]] == ["pg2", "pg3"]


def test_times_are_utc_with_microseconds() -> None:
    there = timezone(timedelta(hours=2))
    assert timestamp(NOW.astimezone(there)) == "2026-01-02T03:04:05.000678Z"


# -- the file


def test_file_is_replaced_whole_and_readable_to_others(tmp_path: Path) -> None:
    path = tmp_path / "topology.json"
    publisher = Publisher(path)
    publisher.check()
    before = os.umask(0o077)
    try:
        publisher.publish(b"one\n")
        first = path.stat()
        publisher.publish(b"two\n")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"two\n"
    assert path.stat().st_ino != first.st_ino, "written in place: a reader may see half of it"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["topology.json"]


@pytest.mark.parametrize("where", ["nowhere/topology.json", "."])
def test_place_that_cannot_be_written_is_named(tmp_path: Path, where: str) -> None:
    with pytest.raises(ConfigError, match="topology_path"):
        Publisher(tmp_path / where).check()


# -- what is remembered


def test_memory_survives(tmp_path: Path) -> None:
    with MemoryFile(tmp_path / "state", "demo") as file:
        assert file.load() == Memory()
        file.save(MEMORY)
    with MemoryFile(tmp_path / "state", "demo") as file:
        assert file.load() == MEMORY


def test_epoch_is_at_least_the_published_one(tmp_path: Path) -> None:
    published = tmp_path / "topology.json"
    published.write_bytes(encode({"scope": "demo", "epoch": 30}))
    with MemoryFile(tmp_path, "demo") as file:
        file.save(MEMORY)
        assert file.load(published).epoch == 30
        published.write_bytes(encode({"scope": "other", "epoch": 99}))
        assert file.load(published).epoch == 17
        published.write_bytes(b"[")
        assert file.load(published).epoch == 17


def test_second_sidecar_and_damaged_memory_are_refused(tmp_path: Path) -> None:
    with MemoryFile(tmp_path, "demo") as file:
        with pytest.raises(StateError, match="another ha-sidecar"), MemoryFile(tmp_path, "demo"):
            pass
        file.path.write_text('{"epoch": 3')
        with pytest.raises(StateError, match="damaged"):
            file.load()


# -- the socket


def unwatched(directory: Path) -> NodeWatcher:
    """A node of which nothing is asked."""
    return NodeWatcher(
        None, directory / "drain", interval=1.0, timeout=1.0, max_age=5.0, token=None
    )


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    server = Api(
        tmp_path / "s",
        0o600,
        3,
        Publisher(tmp_path / "topology.json"),
        Metrics("demo"),
        unwatched(tmp_path),
        {"/page": lambda: {"of": "a part"}},
        {"/order": lambda wanted: (202, {"taken": wanted})},
    )
    server.begin()
    yield server
    server.publisher.close()
    server.end()
    assert not (tmp_path / "s").exists()


def connect(api: Api) -> socket.socket:
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(5)
    link.connect(str(api.server_address))
    return link


def get(api: Api, path: str) -> tuple[int, bytes]:
    with connect(api) as link:
        link.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        response = http.client.HTTPResponse(link)
        response.begin()
        with response:
            return response.status, response.read()


def test_socket_answers(api: Api) -> None:
    assert stat.S_IMODE(os.stat(str(api.server_address)).st_mode) == 0o600
    assert get(api, "/topology")[0] == 503
    assert get(api, "/health")[0] == 503
    document = encode(topology("demo", STATE, VIEW, {}, NOW))
    api.publisher.publish(document)
    assert get(api, "/topology") == (200, document)
    status, body = get(api, "/health")
    assert (status, json.loads(body)["status"]) == (200, "pass")
    assert get(api, "/else")[0] == 404
    status, body = get(api, "/status")
    known = json.loads(body)
    assert (status, known["topology"]) == (200, json.loads(document))
    assert (known["node"]["status"], known["node"]["switch"]) == ("fail", "off")


def test_health_follows_state_and_source() -> None:
    document = topology("demo", STATE, VIEW, {}, NOW)

    def status(**changes: object) -> tuple[int, str]:
        code, body = health(encode(document | changes))
        return code, body["status"]

    assert status() == (200, "pass")
    assert status(source="rest") == (200, "warn")
    assert status(state="switching") == (200, "warn")
    assert status(state="lost", primary=None) == (503, "fail")


def test_events_bring_the_present_document_and_each_later_one(api: Api) -> None:
    api.publisher.publish(b'{"epoch":1}\n')
    with connect(api) as link:
        link.sendall(b"GET /topology/events HTTP/1.1\r\nHost: x\r\n\r\n")
        with link.makefile("rb") as stream:
            while stream.readline() != b"\r\n":
                pass
            first = [stream.readline() for _ in range(4)]
            api.publisher.publish(b'{"epoch":2}\n')
            second = [stream.readline() for _ in range(4)]
            api.publisher.close()
            assert stream.read() == b"", "the stream ends when the sidecar does"
    assert first == [b"event: topology\n", b"id: 1\n", b'data: {"epoch":1}\n', b"\n"]
    assert second == [b"event: topology\n", b"id: 2\n", b'data: {"epoch":2}\n', b"\n"]


def test_clients_are_bounded_and_their_places_come_free(api: Api) -> None:
    api.publisher.publish(b'{"state":"stable","source":"etcd","epoch":1}\n')
    before = threading.active_count()
    followers = [connect(api) for _ in range(3)]
    for link in followers:
        link.sendall(b"GET /topology/events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert link.recv(9) == b"HTTP/1.1 "
    refused = get(api, "/topology")[0]
    for link in followers:
        link.close()
    assert refused == 503
    for number in range(200):
        api.publisher.publish(b'{"state":"stable","source":"etcd","epoch":%d}\n' % number)
        if threading.active_count() == before:
            break
        threading.Event().wait(0.02)
    assert get(api, "/topology")[0] == 200


def post(api: Api, path: str, body: bytes, length: int | None = None) -> tuple[int, bytes]:
    size = len(body) if length is None else length
    with connect(api) as link:
        link.sendall(f"POST {path} HTTP/1.0\r\nContent-Length: {size}\r\n\r\n".encode() + body)
        response = http.client.HTTPResponse(link)
        response.begin()
        with response:
            return response.status, response.read()


def test_other_parts_have_pages_and_take_orders(api: Api) -> None:
    assert get(api, "/page") == (200, b'{"of": "a part"}\n')
    assert b"/page" in get(api, "/else")[1]
    assert post(api, "/order", b'{"a": 1}') == (202, b'{"taken": {"a": 1}}\n')
    assert post(api, "/page", b"{}")[0] == 404
    for body in (b"", b"[]", b"{", b"3"):
        assert post(api, "/order", body)[0] == 400, body
    assert post(api, "/order", b"{}", 1 << 20)[0] == 400
    assert post(api, "/order", b"{}", -1)[0] == 400


def test_stale_socket_is_replaced_but_a_living_one_is_not(tmp_path: Path, api: Api) -> None:
    with pytest.raises(ConfigError, match="socket_path: another ha-sidecar"):
        Api(tmp_path / "s", 0o600, 3, api.publisher, api.metrics, api.node, {}, {})
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "stale"))
    Api(tmp_path / "stale", 0o600, 3, api.publisher, api.metrics, api.node, {}, {}).end()
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ConfigError, match="socket_path"):
        Api(tmp_path / "file", 0o600, 3, api.publisher, api.metrics, api.node, {}, {})
    assert (tmp_path / "file").read_text() == "precious"


# -- systemd


def test_systemd_is_told(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000"})
        notifier.ready()
        for now in (0.0, 0.5, 0.9, 1.0, 1.5, 2.0):
            notifier.feed(now)
        notifier.stopping()
        said = [systemd.recv(100) for _ in range(5)]
    assert said == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    Notifier({}).ready()
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "x"})
    gone.ready()
    gone.feed(1.0)
