"""The sidecar of one Odoo node, for what it says of that node: its etcd and database are away."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path

from tests.servers.addresses import accepts_connections, free_port, next_address, wait_until
from tests.servers.odoo import OdooServer
from tests.servers.processes import ServerProcess, scratch_directory
from tests.servers.server import Server


class NodeSidecar(Server):
    """Entering starts the real command, leaving stops it. ``drain`` is the file that drains the
    node, as Odoo knows it; ``token_file`` has its own token and Odoo's."""

    def __init__(self, odoo: OdooServer, drain: Path, token_file: Path | None = None) -> None:
        self.base = scratch_directory("odoo-ha-sidecar-")
        address = next_address()
        self.health = (address, free_port(address))
        self.agent = (address, free_port(address))
        self.config = self.base / "sidecar.toml"
        nobody = f"http://{address}:{free_port(address)}"
        settings = {
            "scope": "away",
            "etcd_endpoints": [nobody],
            "topology_path": str(self.base / "topology.json"),
            "socket_path": str(self.base / "s"),
            "state_dir": str(self.base / "state"),
            "drain_path": str(drain),
            "odoo_url": odoo.gevent_url,
            "odoo_interval": "0.3s",
            # Patient: on a busy machine Odoo may take its time.
            "odoo_timeout": "5s",
            "odoo_max_age": "10s",
            "health_listen": "{}:{}".format(*self.health),
            "agent_listen": "{}:{}".format(*self.agent),
        }
        if token_file is not None:
            settings |= {"odoo_token_file": str(token_file), "token_file": str(token_file)}
        lines = [f"{name} = {json.dumps(each)}\n" for name, each in settings.items()]
        self.config.write_text("".join(lines))
        self.process = ServerProcess(
            "ha-sidecar",
            [str(shutil.which("ha-sidecar")), "--config", str(self.config)],
            log=self.base / "sidecar.log",
        )

    def start(self) -> None:
        self.process.start()
        wait_until(lambda: accepts_connections(*self.agent), timeout=60, what="it listens")
        wait_until(lambda: self.agent_says() != "down", timeout=60, what="Odoo answered it")

    def end(self) -> None:
        self.process.stop()

    def agent_says(self) -> str:
        """Ask as HAProxy's agent check does."""
        with socket.create_connection(self.agent, timeout=10) as link, link.makefile() as lines:
            return lines.readline().strip()

    def command(self, *arguments: str) -> None:
        """Run ``ha-sidecar`` with this node's configuration; raise when it fails."""
        subprocess.run(
            [str(shutil.which("ha-sidecar")), *arguments, "--config", str(self.config)],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
