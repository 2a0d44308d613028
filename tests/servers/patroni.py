"""A PostgreSQL cluster run by real Patronis, its election kept in a real etcd."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import psycopg2
import urllib3

from . import guard
from .addresses import free_port, next_address, wait_until
from .etcd import Etcd
from .postgres import binary, server_user
from .processes import ServerProcess, discard, scratch_directory

SCOPE = "demo"


class Patroni:
    """One node: Patroni, and the PostgreSQL server that it starts and elects."""

    def __init__(self, name: str, etcd: Etcd, port: int, login: str | None) -> None:
        self.name = name
        self.login = login
        self.address = next_address()
        self.port = port
        self.url = f"http://{self.address}:{free_port(self.address)}"
        self.base = scratch_directory(f"odoo-ha-patroni-{name}-")
        self._http = urllib3.PoolManager(retries=False)
        (self.base / "patroni.json").write_text(json.dumps(self._configuration(etcd)))
        if user := server_user():
            for path in (self.base, self.base / "patroni.json"):
                shutil.chown(path, user)
        self.process = ServerProcess(
            f"patroni {name}",
            [program(), str(self.base / "patroni.json")],
            log=self.base / "patroni.log",
            user=server_user(),
            directory=self.base,
        )

    def _configuration(self, etcd: Etcd) -> dict[str, Any]:
        rest = self.url.removeprefix("http://")
        here = f"{self.address}:{self.port}"
        user, _, password = (self.login or "").partition(":")
        authentication = (
            {"authentication": {"username": user, "password": password}} if user else {}
        )
        return {
            "scope": SCOPE,
            "name": self.name,
            "restapi": {"listen": rest, "connect_address": rest, **authentication},
            "etcd3": {"host": etcd.url.removeprefix("http://")},
            "bootstrap": {
                "dcs": {
                    "ttl": 20, "loop_wait": 1, "retry_timeout": 3, "primary_start_timeout": 0,
                    "synchronous_mode": True, "postgresql": {"use_pg_rewind": True},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "no-sync", "data-checksums"],
            },
            "postgresql": {
                "listen": here,
                "connect_address": here,
                "data_dir": str(self.base / "data"),
                "bin_dir": str(Path(binary("postgres")).parent),
                "pgpass": str(self.base / "pgpass"),
                "authentication": {
                    "superuser": {"username": "postgres", "password": "unused"},
                    "replication": {"username": "replicator", "password": "unused"},
                },
                # On loopback addresses of this machine only.
                "pg_hba": [f"host {what} all 127.0.0.0/8 trust" for what in ("all", "replication")],
                "parameters": {"unix_socket_directories": "", "fsync": "off"},
            },
        }  # fmt: skip

    def call(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Call the REST API; return the status and the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = urllib3.make_headers(basic_auth=self.login)
        response = self._http.request(
            method, self.url + path, body=data, headers=headers, timeout=60.0
        )
        return response.status, response.data.decode()

    def is_healthy(self) -> bool:
        try:
            return self.call("GET", "/health")[0] == 200
        except (urllib3.exceptions.HTTPError, OSError):
            return False

    def execute(self, query: str) -> None:
        connection = psycopg2.connect(
            host=self.address, port=self.port, user="postgres", dbname="postgres", connect_timeout=5
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query)
        finally:
            connection.close()

    def kill(self) -> None:
        """End the node as a power cut would: Patroni and its server, which may outlive it."""
        servers = self._server()
        self.process.kill()
        guard.kill(guard.with_descendants(servers))

    def _server(self) -> list[psutil.Process]:
        try:
            pid = int((self.base / "data" / "postmaster.pid").read_text().split()[0])
            process = psutil.Process(pid)
            return [process] if str(self.base) in " ".join(process.cmdline()) else []
        except (OSError, ValueError, IndexError, psutil.Error):
            return []

    def close(self) -> None:
        self.kill()
        self._http.clear()
        discard(self.base)


class PatroniCluster:
    """Entering starts ``size`` nodes, the first of them the leader; leaving ends them all.

    ``login``: the ``user:password`` that the REST API asks for before it changes anything.
    """

    def __init__(self, etcd: Etcd, size: int = 2, *, login: str | None = None) -> None:
        port = free_port(next_address())
        self.etcd = etcd
        self.nodes = {f"pg{n}": Patroni(f"pg{n}", etcd, port, login) for n in range(1, size + 1)}

    def __enter__(self) -> PatroniCluster:
        try:
            for node in self.nodes.values():
                node.process.start()
                wait_until(node.is_healthy, timeout=60, what=f"{node.process.name} is healthy")
            first = self.nodes["pg1"]
            wait_until(
                lambda: (
                    first.call("GET", "/cluster")[1].count('"streaming"') >= len(self.nodes) - 1
                ),
                timeout=60,
                what="every replica streams",
            )
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for node in self.nodes.values():
            node.close()

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes.values()]


def program() -> str:
    """Return Patroni's command: ``HA_TEST_PATRONI``, else the one in PATH."""
    found = os.environ.get("HA_TEST_PATRONI") or shutil.which("patroni")
    if not found:
        raise FileNotFoundError("patroni: install it (pip install 'patroni[etcd3,psycopg2]')")
    return found
