"""A cluster as Patroni keeps it in etcd, and the sidecar as a process beside it."""

from __future__ import annotations

import http.client
import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.servers.addresses import wait_until
from tests.servers.etcd import Etcd
from tests.servers.postgres import Postgres
from tests.servers.processes import ServerProcess, discard, scratch_directory

SCOPE = "demo"
PREFIX = f"/service/{SCOPE}/"


class Cluster:
    """Writes what Patroni writes; the servers themselves are real."""

    def __init__(self, etcd: Etcd, servers: dict[str, Postgres]) -> None:
        self.etcd = etcd
        self.servers = servers
        self.password = secrets.token_urlsafe(16)
        self.identifier = ""

    def prepare(self) -> None:
        """Create the probe's role, name the replicas, describe everything, elect pg1."""
        primary = self.servers["pg1"]
        self.create_role(primary.execute)
        ((self.identifier,),) = primary.execute(
            "SELECT system_identifier::text FROM pg_control_system()"
        )
        for name, server in self.servers.items():
            if server is not primary:
                ((conninfo,),) = server.execute("SHOW primary_conninfo")
                server.execute(
                    "ALTER SYSTEM SET primary_conninfo = %s",
                    [f"{conninfo} application_name={name}"],
                )
                server.execute("SELECT pg_reload_conf()")
        self.describe()

    def create_role(self, execute: Callable[[str], object]) -> None:
        """Create the probe's role through ``execute``, which runs one statement."""
        execute(f"CREATE ROLE ha_sidecar LOGIN PASSWORD '{self.password}'")
        execute("GRANT pg_monitor TO ha_sidecar")

    def describe(self) -> None:
        """Write every key anew, with pg1 elected."""
        for name, server in self.servers.items():
            member = {
                "conn_url": f"postgres://{server.address}:{server.port}/postgres",
                "api_url": f"http://{server.address}:8008/patroni",
                "state": "running",
                "role": "primary" if name == "pg1" else "replica",
                "timeline": 1,
            }
            self.write(f"members/{name}", member)
        self.write("initialize", self.identifier)
        self.write("config", {"ttl": 20, "synchronous_mode": True})
        self.write("sync", {"leader": "pg1", "sync_standby": "pg2"})
        self.elect("pg1")

    def write(self, key: str, value: str | dict[str, Any]) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self.etcd.put(PREFIX + key, text)

    def elect(self, name: str | None) -> None:
        """Give the leader key to ``name``, or take it away."""
        if name is None:
            self.etcd.delete(PREFIX + "leader")
        else:
            self.write("leader", name)

    def heal(self) -> None:
        """Start and thaw whatever a test left broken."""
        for process in (self.etcd, *self.servers.values()):
            process.thaw()
            if not process.process.is_running():
                process.start()
        self.describe()


class Sidecar:
    """The real command in a process of its own. Entering starts it, leaving stops it."""

    def __init__(self, cluster: Cluster, **settings: object) -> None:
        self.base = scratch_directory("odoo-ha-sidecar-")
        self.base.chmod(0o700)
        self.topology_path = self.base / "topology.json"
        self.socket_path = self.base / "s"
        self.password_file = self.write("password", cluster.password + "\n")
        values: dict[str, object] = {
            "scope": SCOPE,
            "etcd_endpoints": [cluster.etcd.url],
            "probe_password_file": str(self.password_file),
            "topology_path": str(self.topology_path),
            "socket_path": str(self.socket_path),
            "state_dir": str(self.base / "state"),
            **settings,
        }
        # What JSON and TOML write alike: texts, numbers and lists of texts.
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        self.config = self.write("sidecar.toml", text)
        self.process = ServerProcess(
            "ha-sidecar",
            [sys.executable, "-m", "ha_sidecar", "--config", str(self.config)],
            log=self.base / "log",
            environment={"PYTHONWARNINGS": "error"},
        )

    def write(self, name: str, text: str) -> Path:
        path = self.base / name
        path.touch(0o600)
        path.write_text(text)
        return path

    def __enter__(self) -> Sidecar:
        self.process.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self.process.is_running():
                self.process.thaw()
                assert self.stop() == 0, self.process.log_text()
        finally:
            self.process.stop()
            discard(self.base)

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.send(signal.SIGTERM)
        return self.process.wait(10)

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run `ha-sidecar check` with its settings."""
        return subprocess.run(
            [sys.executable, "-m", "ha_sidecar", "check", "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def document(self) -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = json.loads(self.topology_path.read_bytes())
        except FileNotFoundError:
            return None
        return document

    def shows(self, **wanted: object) -> bool:
        """Tell whether the document has these values; ``primary`` is given by its name."""
        document = self.document()
        if document is None:
            return False
        named = {**document, "primary": (document["primary"] or {}).get("name")}
        return all(named[key] == value for key, value in wanted.items())

    def wait_for(self, *, timeout: float = 10.0, **wanted: object) -> dict[str, Any]:
        """Wait until the document has these values, and return it."""
        try:
            wait_until(
                lambda: self.shows(**wanted), timeout=timeout, what=f"{wanted}", interval=0.002
            )
        except TimeoutError as error:
            log = self.process.log_text()[-3000:]
            raise AssertionError(f"{error}; it shows {self.document()}\n{log}") from None
        document = self.document()
        assert document is not None
        return document

    def wait_for_synchronous_replica(self, name: str) -> None:
        """Wait until ``name`` is the one replica, synchronous and up to date."""

        def is_shown() -> bool:
            replicas = (self.document() or {})["replicas"]
            return [(each["name"], each["sync"], each["lag_bytes"]) for each in replicas] == [
                (name, True, 0)
            ]

        wait_until(is_shown, timeout=30, what=f"{name} is the synchronous replica")

    def never_shows(self, seconds: float, **unwanted: object) -> None:
        """Watch the document for ``seconds``; fail as soon as it has all these values."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert not self.shows(**unwanted), self.document()
            time.sleep(0.002)

    def get(self, path: str) -> tuple[int, Any]:
        """Ask its API; return the status and the parsed body."""
        return self._ask(f"GET {path} HTTP/1.0\r\n\r\n")

    def post(self, path: str, data: object) -> tuple[int, Any]:
        body = json.dumps(data)
        head = f"POST {path} HTTP/1.0\r\nContent-Length: {len(body.encode())}\r\n\r\n"
        return self._ask(head + body)

    def _ask(self, request: str) -> tuple[int, Any]:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(self.socket_path))
            link.sendall(request.encode())
            response = http.client.HTTPResponse(link)
            response.begin()
            with response:
                return response.status, json.loads(response.read())

    def log(self) -> list[dict[str, Any]]:
        """Return its log, one object a line."""
        return [json.loads(line) for line in self.process.log_text().splitlines()]

    def threads(self) -> int:
        (process,) = self.process.tree()
        return int(process.num_threads())
