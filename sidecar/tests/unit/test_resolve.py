"""Looking host names up never blocks the prober for longer than it allows."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ha_sidecar.errors import ProbeError
from ha_sidecar.resolve import Resolver


class NameServer:
    """Stands in for the system's look-up: it knows one name, and can hang."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0

    def __call__(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked += 1
        self.answers.wait(10)
        if host != "pg1.example":
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 0))]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server)
    yield server
    server.answers.set()


def soon() -> float:
    return time.monotonic() + 0.2


def test_addresses_need_no_look_up(name_server: NameServer) -> None:
    assert Resolver().address("10.1.2.3", soon()) == "10.1.2.3"
    assert Resolver().address("fd00::1", soon()) == "fd00::1"
    assert name_server.asked == 0


def test_unknown_name_says_so(name_server: NameServer) -> None:
    with pytest.raises(ProbeError, match=r"nowhere\.example has no address.*not known"):
        Resolver().address("nowhere.example", time.monotonic() + 5)


def test_hanging_name_server_blocks_nobody_and_piles_nothing_up(name_server: NameServer) -> None:
    resolver = Resolver()
    name_server.answers.clear()
    threads = threading.active_count()
    for _ in range(5):
        started = time.monotonic()
        with pytest.raises(ProbeError, match="didn't answer in time"):
            resolver.address("pg1.example", soon())
        assert time.monotonic() - started < 1
    assert threading.active_count() == threads + 1
    assert name_server.asked == 1


def test_old_address_serves_while_the_name_server_hangs(name_server: NameServer) -> None:
    resolver = Resolver()
    assert resolver.address("pg1.example", time.monotonic() + 5) == "10.0.0.1"
    name_server.answers.clear()
    assert resolver.address("pg1.example", soon()) == "10.0.0.1"
