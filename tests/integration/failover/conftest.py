"""A primary with a synchronous replica, a topology document, and the suite's Odoo on them."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient
from tests.servers.postgres import Postgres
from tests.servers.postgres_proxy import PostgresProxy


class Publisher:
    """Writes the topology document as the sidecar does; a drill has the real sidecar."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.epoch, self.state = 0, "lost"
        self.primary: dict[str, object] | None = None
        self.replicas: list[dict[str, object]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def stable(
        self, server: Postgres | PostgresProxy, *, timeline: int, system_identifier: str = "1"
    ) -> None:
        """``server`` is proven: a new epoch begins."""
        self.epoch += 1
        self.state = "stable"
        self.primary = {
            "name": server.address,
            "host": server.address,
            "port": server.port,
            "timeline": timeline,
            "system_identifier": system_identifier,
        }
        self.publish()

    def switching(self) -> None:
        """New transactions are held for a switchover; the primary is still there."""
        self.state = "switching"
        self.publish()

    def lost(self) -> None:
        self.state, self.primary = "lost", None
        self.publish()

    def publish(self) -> None:
        now = datetime.now(UTC).isoformat()
        document = {
            "version": 1,
            "scope": "test",
            "epoch": self.epoch,
            "state": self.state,
            "primary": self.primary,
            "replicas": self.replicas,
            "sync_mode": "on",
            "since": now,
            "observed_at": now,
            "source": "sql",
        }
        with self._lock:
            temporary = self.path.with_suffix(".tmp")
            temporary.write_text(json.dumps(document))
            os.replace(temporary, self.path)

    def _beat(self) -> None:
        while not self._stop.wait(0.5):
            self.publish()

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    with Publisher(tmp_path / "topology.json") as publisher:
        yield publisher


@dataclass
class Writers:
    """Users that write as fast as they are answered, and what they were told of each token."""

    odoo: OdooServer
    acknowledged: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, users: int) -> None:
        for _ in range(users):
            client = self.odoo.client()
            client.login(self.odoo.dbname)
            thread = threading.Thread(target=self._write, args=(client,))
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, client: OdooClient) -> None:
        while not self._stop.is_set():
            token = uuid.uuid4().hex
            try:
                client.call("ha.test.row", "create", {"token": token})
            except Exception as error:
                self.failed[token] = repr(error)
            else:
                self.acknowledged.add(token)

    def assert_exactly_once(self, server: Postgres) -> None:
        """Every token is there once, and its user was told so."""
        rows = dict(
            server.execute(
                "SELECT token, count(*) FROM ha_test_row GROUP BY 1", dbname=self.odoo.dbname
            )
        )
        assert not self.failed
        assert not self.acknowledged - rows.keys(), "acknowledged, but lost"
        assert not rows.keys() - self.acknowledged, "a row whose user was told nothing"
        assert not [token for token, count in rows.items() if count > 1], "written twice"


@pytest.fixture
def writers() -> Iterator[list[Writers]]:
    """The writers of a test, stopped whatever happens."""
    running: list[Writers] = []
    yield running
    for one in running:
        one.stop()


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    """What a test enters there is left at its end, in the opposite order."""
    with ExitStack() as stack:
        yield stack
