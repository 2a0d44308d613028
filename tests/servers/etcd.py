"""etcd on loopback addresses, one member or several, its data kept over a restart, and its faults."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3

from .addresses import free_port, next_address, wait_until
from .authority import Authority
from .processes import ServerProcess, scratch_directory
from .server import Server

#: In a network namespace nobody else listens.
CLIENT_PORT = 22379


class Etcd(Server):
    """One member. Entering starts it, leaving stops it and removes its files.

    ``members`` are the peer URLs of a cluster's members by name; without it stands alone. In
    ``namespace`` it runs in that network namespace. With ``authority`` its clients speak TLS, and need
    a certificate of that authority themselves.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        name: str = "etcd1",
        members: Mapping[str, str] | None = None,
        namespace: str | None = None,
        authority: Authority | None = None,
    ) -> None:
        self.address = address or next_address()
        self.name = name
        members = members or {name: f"http://{self.address}:{free_port(self.address)}"}
        self.peer = members[name]
        self.port = free_port(self.address) if namespace is None else CLIENT_PORT
        self.url = f"http{'s' if authority else ''}://{self.address}:{self.port}"
        self.base = scratch_directory("odoo-ha-etcd-")
        program = shutil.which("etcd")
        if program is None:
            raise FileNotFoundError("etcd: install it (apt-get install etcd-server)")
        secured: list[str] = []
        client: dict[str, Any] = {}
        if authority:
            self.certificate, self.key = authority.issue(f"etcd-{self.port}", [self.address])
            ca, (certificate, key) = str(authority.certificate), authority.issue("etcd-client", [])
            secured = ["--client-cert-auth", "--trusted-ca-file", ca]
            secured += ["--cert-file", str(self.certificate), "--key-file", str(self.key)]
            client = {"ca_certs": ca, "cert_file": str(certificate), "key_file": str(key)}
        self.process = ServerProcess(
            f"etcd {self.address}:{self.port}",
            [
                *(["ip", "netns", "exec", namespace] if namespace else []),
                program, "--name", name, "--data-dir", str(self.base / "data"),
                "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                "--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer,
                "--initial-cluster", ",".join(f"{each}={url}" for each, url in members.items()),
                "--heartbeat-interval", "100", "--election-timeout", "1000", "--log-level", "warn",
                "--unsafe-no-fsync", *secured,
            ],
            log=self.base / "etcd.log",
        )  # fmt: skip
        self._http = urllib3.PoolManager(retries=False, timeout=5.0, **client)

    # -- using it

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call the JSON gateway, e.g. ``/v3/kv/put``; raise RuntimeError unless it says 200."""
        response = self._http.request("POST", self.url + path, json=body)
        if response.status != 200:
            raise RuntimeError(f"etcd {path}: {response.status} {response.data.decode()}")
        answer: dict[str, Any] = response.json()
        return answer

    def put(self, key: str, value: str) -> int:
        """Write one key; return the revision."""
        answer = self.call("/v3/kv/put", {"key": _encode(key), "value": _encode(value)})
        return int(answer["header"]["revision"])

    def delete(self, key: str) -> int:
        answer = self.call("/v3/kv/deleterange", {"key": _encode(key)})
        return int(answer["header"]["revision"])

    def compact(self, revision: int) -> None:
        """Forget all history before ``revision``."""
        self.call("/v3/kv/compaction", {"revision": str(revision), "physical": True})

    def leads(self) -> bool:
        """Tell whether this member is the leader, by its own word."""
        status = self.call("/v3/maintenance/status", {})
        return bool(status.get("leader") == status["header"]["member_id"])

    def is_ready(self) -> bool:
        try:
            self.call("/v3/kv/range", {"key": _encode("ready")})
        except (urllib3.exceptions.HTTPError, OSError, RuntimeError):
            return False
        return True

    # -- verbs

    def present(self, certificate: Path, key: Path) -> None:
        """Show new clients another certificate; it is read anew for each of them."""
        shutil.copyfile(certificate, self.certificate)
        shutil.copyfile(key, self.key)

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        self.process.start()

        def ready() -> bool:
            if not self.process.is_running():
                raise RuntimeError(f"{self.process.name} ended:\n{self.process.log_text()}")
            return self.is_ready()

        wait_until(ready, timeout=30, what=f"{self.process.name} answers")

    def stop(self) -> None:
        self._http.clear()
        self.process.stop()

    def kill(self) -> None:
        self._http.clear()
        super().kill()

    def end(self) -> None:
        self.stop()


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
