"""Probes as balancers send them, and servers that are asked."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers.odoo import OdooServer, Variant
from tests.servers.postgres import Postgres

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What a probe got; ``seconds`` from connecting to the answer's first bytes.

    Until the last would count werkzeug's habit of closing a connection 10 ms later.
    """

    status: int
    headers: dict[str, str]
    body: str
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def probe(
    server: tuple[str, int],
    path: str = "/web/health",
    *,
    headers: str = "",
    method: str = "GET",
    timeout: float = 10,
    source: str | None = None,
) -> Answer:
    """Send ``option httpchk``'s bare request: HTTP/1.0 and no Host header."""
    started = time.monotonic()
    here = (source, 0) if source else None
    with socket.create_connection(server, timeout=timeout, source_address=here) as link:
        link.sendall(f"{method} {path} HTTP/1.0\r\n{headers}\r\n".encode())
        received = link.recv(65536)
        seconds = time.monotonic() - started
        received += b"".join(iter(lambda: link.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    named = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(status_line.split()[1]), named, body.decode(), seconds)


def worker_port(odoo: OdooServer) -> tuple[str, int]:
    return odoo.address, odoo.port


def gevent_port(odoo: OdooServer) -> tuple[str, int]:
    return odoo.address, odoo.gevent_port


@pytest.fixture(params=["stock", "suite"])
def variant(request: pytest.FixtureRequest) -> Variant:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A primary that the test may demote."""
    with Postgres() as server:
        yield server


StartOdoo = Callable[..., OdooServer]


@pytest.fixture
def start_odoo(
    variant: Variant, postgres: Postgres, request: pytest.FixtureRequest
) -> Iterator[StartOdoo]:
    """Start an Odoo of this variant on a database of its own; stopped after the test."""
    template: OdooServer = request.getfixturevalue(f"{variant}_template")
    with ExitStack() as running:

        def start(**options: Any) -> OdooServer:
            options["options"] = {"max_cron_threads": 0} | options.get("options", {})
            server = OdooServer(postgres, f"health_{next(_numbers)}", variant=variant, **options)
            server.copy_database(template)
            return running.enter_context(server)

        yield start
        if not postgres.process.is_running():
            postgres.start()
        postgres.thaw()
