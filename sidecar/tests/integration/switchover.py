"""``ha-sidecar switchover`` as a person runs it, on real Patroni and etcd, beside two sidecars."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import Any

import psutil
import psycopg2
import urllib3

from ha_sidecar.etcd import Access, Endpoint
from sidecar.tests.integration.cluster import PREFIX, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.patroni import Patroni, PatroniCluster
from tests.servers.processes import ServerProcess, discard, scratch_directory

LOGIN = "operator:REST password"
HOLD = "odoo_ha_hold"


class Scene:
    """A cluster that is settled: ``old`` leads, ``new`` is its synchronous replica."""

    def __init__(self, patroni: PatroniCluster, sidecars: list[Sidecar]) -> None:
        self.patroni = patroni
        self.sidecars = sidecars
        self._etcd = Endpoint(patroni.etcd.url, Access(timeout=2.0))
        wait_until(self._is_settled, timeout=40, what="Patroni is settled")
        (name,) = [name for name in patroni.nodes if name == self.keys()["leader"]]
        self.old: Patroni = patroni.nodes[name]
        (self.new,) = [node for node in patroni.nodes.values() if node is not self.old]
        for sidecar in sidecars:
            sidecar.wait_for(state="stable", primary=name)
            sidecar.wait_for_synchronous_replica(self.new.name)

    def _is_settled(self) -> bool:
        keys = self.keys()
        sync = json.loads(keys.get("sync") or "{}").get("sync_standby")
        members = [json.loads(value) for key, value in keys.items() if key.startswith("members/")]
        return (
            keys.get("failover", "{}") == "{}"
            and HOLD not in keys
            and sync in self.patroni.nodes
            and sync != keys.get("leader")
            and sorted(each.get("role") for each in members) == ["primary", "replica"]
        )

    def keys(self) -> dict[str, str]:
        return self._etcd.read(PREFIX).values

    def is_held(self) -> bool:
        return HOLD in self.keys()

    def watch_a_node(self) -> psycopg2.extensions.connection:
        """Be in a transaction as an Odoo node is that waits for another one's end."""
        connection = self._connect("odoo-ha waits: odoo1 for odoo2/3fe1")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return connection

    def _connect(self, name: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host=self.old.address, port=self.old.port, user="postgres", dbname="postgres",
            application_name=name,
        )  # fmt: skip

    def open_transaction(self) -> psycopg2.extensions.connection:
        """Begin a transaction on the primary that has written, and leave it open."""
        connection = self._connect("payroll")
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS rows (at timestamptz)")
            cursor.execute("INSERT INTO rows VALUES (clock_timestamp())")
        return connection

    def each_shows(self, *, timeout: float, **wanted: object) -> float:
        """Wait until every sidecar's document has these values; return the seconds it took."""
        began = time.monotonic()
        for sidecar in self.sidecars:
            sidecar.wait_for(timeout=timeout, **wanted)
        return time.monotonic() - began

    def close(self) -> None:
        self._etcd.close()


class Switchover:
    """The command. Entering starts it, leaving kills it if it still runs."""

    def __init__(self, scene: Scene, *arguments: str, login: str = LOGIN) -> None:
        self.base = scratch_directory("odoo-ha-switchover-")
        user, _, password = login.partition(":")
        secret = self.base / "patroni-password"
        secret.write_text(password + "\n")
        self.process = ServerProcess(
            "ha-sidecar switchover",
            [
                sys.executable, "-m", "ha_sidecar", "switchover", "--json",
                "--config", str(scene.sidecars[0].config),
                "--patroni-username", user, "--patroni-password-file", str(secret),
                *arguments,
            ],
            log=self.base / "log",
            environment={"PYTHONWARNINGS": "error"},
        )  # fmt: skip

    def __enter__(self) -> Switchover:
        self.process.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        discard(self.base)

    @property
    def said(self) -> str:
        return self.process.log_text()

    def wait_to_say(self, text: str) -> None:
        try:
            wait_until(lambda: text in self.said, timeout=20, what=text, interval=0.005)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it says\n{self.said}") from None

    def end(self, timeout: float = 45) -> tuple[int, dict[str, Any]]:
        """Wait for its end; return the exit code and what ``--json`` printed."""
        code = self.process.wait(timeout)
        print(self.said)
        report: dict[str, Any] = json.loads(self.said.splitlines()[-1])
        return code, report


class Frozen:
    """Patroni alone stopped in place, its PostgreSQL left running; leaving lets it go on."""

    def __init__(self, node: Patroni) -> None:
        self._patroni = psutil.Process(node.process.pid)

    def __enter__(self) -> Frozen:
        self._patroni.suspend()
        return self

    def __exit__(self, *_: object) -> None:
        self._patroni.resume()


def pause_patroni(node: Patroni, paused: bool) -> None:
    status, answer = node.call("PATCH", "/config", {"pause": paused or None})
    assert status == 200, answer


def is_writable(node: Patroni) -> bool:
    try:
        node.execute("CREATE TABLE IF NOT EXISTS rows (at timestamptz)")
    except (psycopg2.Error, urllib3.exceptions.HTTPError):
        return False
    return True
