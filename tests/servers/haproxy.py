"""HAProxy in front of PostgreSQL servers, as Patroni's guides have it."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Mapping

from .addresses import free_port, next_address, wait_until
from .processes import ServerProcess, scratch_directory
from .server import Server

BACKEND = "postgres_primary"


class Haproxy(Server):
    """Entering starts it, leaving stops it and removes its files.

    ``servers`` are lines' ends by server name, such as ``127.19.60.101:5432 check``; ``options``
    are further lines of the backend.
    """

    def __init__(self, servers: Mapping[str, str], *, options: str = "") -> None:
        self.address = next_address()
        self.port = free_port(self.address)
        self.admin_port = free_port(self.address)
        self.base = scratch_directory("odoo-ha-haproxy-")
        self.admin_socket = self.base / "admin.sock"
        lines = "\n".join(f"    server {name} {end}" for name, end in servers.items())
        (self.base / "haproxy.cfg").write_text(f"""\
global
    stats socket {self.admin_socket} mode 600 level admin
    stats socket {self.address}:{self.admin_port} level operator

defaults
    mode tcp
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout check 1s

frontend postgresql
    bind {self.address}:{self.port}
    default_backend {BACKEND}

backend {BACKEND}
{options}
{lines}
""")
        program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if program is None:
            raise FileNotFoundError("haproxy: install it (apt-get install haproxy)")
        self.process = ServerProcess(
            f"haproxy {self.address}:{self.port}",
            [program, "-db", "-f", str(self.base / "haproxy.cfg")],
            log=self.base / "haproxy.log",
        )

    def ask(self, line: str) -> str:
        """Send one line to the admin socket; return the answer."""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as link:
            link.settimeout(5)
            link.connect(str(self.admin_socket))
            link.sendall(line.encode() + b"\n")
            with link.makefile() as answer:
                return answer.read()

    def up(self) -> set[str]:
        """Return the names of the backend's servers that are up."""
        rows = self.ask(f"show servers state {BACKEND}").splitlines()[2:]
        return {row.split()[3] for row in rows if row and row.split()[5] != "0"}

    def start(self) -> None:
        self.process.start()

        def ready() -> bool:
            if not self.process.is_running():
                raise RuntimeError(f"{self.process.name} ended:\n{self.process.log_text()}")
            try:
                return bool(self.ask("show info"))
            except OSError:
                return False

        wait_until(ready, timeout=15, what=f"{self.process.name} answers")

    def end(self) -> None:
        self.process.stop()
