"""The gevent process before a server that hangs: libpq bounds nothing there, the suite does."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import websocket

from tests.servers.odoo import OdooServer, Variant
from tests.servers.postgres import Postgres
from tests.servers.websocket_client import BusClient

_numbers = itertools.count(1)
HOLD_S = 5
TRY_LATER = 1013
KEEPALIVE = "02"  # the timer of an idle connection with keepalives, in /proc/net/tcp


@pytest.fixture
def odoo(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[OdooServer]:
    variant: Variant = request.param
    server = OdooServer(
        postgres,
        f"green_{next(_numbers)}",
        variant=variant,
        workers=1,
        options={"max_cron_threads": 0},
        ha={"hold_timeout": HOLD_S} if variant == "suite" else {},
    )
    server.install("base", "web", "bus", "ha_test", *["ha_failover"] * (variant == "suite"))
    with server:
        yield server
        postgres.thaw()


def subscribed(odoo: OdooServer) -> BusClient:
    user = odoo.client()
    user.login(odoo.dbname)
    bus = BusClient(odoo.gevent_url, user)
    bus.subscribe("room")
    user.call("ha.test.row", "notify", "room", "first")
    bus.wait_for("first", timeout=10)
    return bus


def closed_with(bus: BusClient, timeout: float) -> int | None:
    """The code with which the server closes the websocket within ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        bus.socket.settimeout(left)
        try:
            opcode, data = bus.socket.recv_data()
        except websocket.WebSocketTimeoutException:
            return None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return int.from_bytes(data[:2], "big")
    return None


@pytest.mark.parametrize(
    ("odoo", "code"), [("suite", TRY_LATER), ("stock", None)], indirect=["odoo"]
)
def test_a_websocket_is_told_to_come_back(
    odoo: OdooServer, code: int | None, postgres: Postgres
) -> None:
    bus = subscribed(odoo)
    postgres.freeze()
    bus.subscribe("room", "other room")
    assert closed_with(bus, 5 * HOLD_S) == code
    postgres.thaw()


@pytest.mark.parametrize("odoo", ["suite"], indirect=True)
def test_its_connections_are_kept_alive(odoo: OdooServer, postgres: Postgres) -> None:
    subscribed(odoo)
    (process,) = (
        child
        for child in psutil.Process(odoo.process.pid).children()
        if "gevent" in child.cmdline()
    )
    sockets = {
        Path(f"/proc/{process.pid}/fd/{descriptor.name}").readlink().name
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir()
        if descriptor.is_symlink()
    }
    inodes = {name.partition("[")[2].rstrip("]") for name in sockets if "socket:" in name}
    timers = [
        fields[5].partition(":")[0]
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if fields[9] in inodes and int(fields[2].partition(":")[2], 16) == postgres.port
    ]
    assert timers
    assert set(timers) == {KEEPALIVE}
