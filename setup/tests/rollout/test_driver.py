"""The command itself, as a process, with real commands and signals; only the nodes' HTTP is a fake, which fails
and hangs as told: files in a directory say which node is drained, stopped, or in which version."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from ha_setup.errors import SetupError
from ha_setup.rollout.command import command

NODES = {"odoo1": "127.19.73.11", "odoo2": "127.19.73.12"}
PATIENCE_S = 60.0


@dataclass
class Cluster:
    """Two nodes, each at an address of its own."""

    base: Path
    port: int

    def write(self, **commands: str) -> Path:
        mark, run = f"{self.base}/{{node}}", "sh -c"
        said = {
            "drain": f"touch {mark}.drained",
            "stop": f"touch {mark}.stopped",
            "upgrade": f"{run} 'echo new > {mark}.version'",
            "start": f"rm -f {mark}.stopped",
            "undrain": f"rm -f {mark}.drained",
            "undo": f"{run} 'echo old > {mark}.version'",
        } | commands
        file = self.base / "rollout.yml"
        document = {
            "nodes": {name: {"address": address} for name, address in NODES.items()},
            "commands": {name: command for name, command in said.items() if command},
            "http_port": self.port, "health_port": self.port, "settle": "200ms",
            "idle_limit": "30s", "start_limit": "30s",
        }  # fmt: skip
        file.write_text(json.dumps(document))  # JSON is YAML
        return file

    def start(self, file: Path, *options: str) -> subprocess.Popen[str]:
        code = "import sys; from ha_setup.cli import cli; cli(sys.argv[1:])"
        words = [sys.executable, "-c", code, "rollout", str(file), *options]
        return subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.base
        )

    def run(self, file: Path, *options: str) -> tuple[int, str]:
        """In this process, which is quicker."""
        done = CliRunner().invoke(command, [str(file), *options])
        refusal = str(done.exception) if isinstance(done.exception, SetupError) else ""
        return done.exit_code, done.output + refusal

    def has(self, name: str) -> bool:
        return (self.base / name).exists()

    @property
    def versions(self) -> list[str]:
        files = [self.base / f"{node}.version" for node in NODES]
        return [file.read_text().strip() if file.exists() else "old" for file in files]

    @property
    def out(self) -> list[str]:
        """What is drained or stopped."""
        return [n for node in NODES for n in (f"{node}.drained", f"{node}.stopped") if self.has(n)]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    class Node(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            node = next(n for n, a in NODES.items() if a == self.server.server_address[0])
            if (tmp_path / f"{node}.stopped").exists():
                self.send_error(502)  # not JSON: as good as no answer
                return
            drained = (tmp_path / f"{node}.drained").exists()
            busy = (tmp_path / f"{node}.busy").exists()
            checks = {"workers:free": 2 - busy, "workers:all": 2, "node:draining": drained}
            body = {
                "status": "fail" if drained else "pass",
                "checks": {name: [{"observedValue": value}] for name, value in checks.items()},
            }
            ill = drained and self.path == "/web/health"
            self.send_response(503 if ill else 200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    first = ThreadingHTTPServer((NODES["odoo1"], 0), Node)
    second = ThreadingHTTPServer((NODES["odoo2"], first.server_port), Node)
    for server in (first, second):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Cluster(tmp_path, first.server_port)
    finally:
        for server in (first, second):
            server.shutdown()
            server.server_close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_all_goes_well_and_back(cluster: Cluster) -> None:
    file = cluster.write()
    code, said = cluster.run(file)
    assert (code, cluster.versions, cluster.out) == (0, ["new", "new"], []), said
    assert "done; new version: odoo1, odoo2" in said
    code, said = cluster.run(file, "--undo")
    assert (code, cluster.versions, cluster.out) == (0, ["old", "old"], []), said


def test_a_failing_upgrade_is_undone_or_left_and_gone_on_with(cluster: Cluster) -> None:
    fails = "sh -c 'echo disk full; exit 3'"
    code, said = cluster.run(cluster.write(upgrade=fails))
    assert (code, cluster.versions, cluster.out) == (1, ["old", "old"], []), said
    assert "change failed: sh ended with 3: disk full" in said
    assert "every node is in service" in said
    (cluster.base / "rollout.yml.state.json").unlink()
    code, said = cluster.run(cluster.write(upgrade=fails, undo=""))
    assert (code, cluster.out) == (1, ["odoo1.drained", "odoo1.stopped"])
    assert "odoo1 is LEFT DRAINED at change, half changed" in said
    code, said = cluster.run(cluster.write(), "--resume")
    assert (code, cluster.versions, cluster.out) == (0, ["new", "new"], []), said


def test_interrupted_while_requests_end_the_node_is_brought_back(cluster: Cluster) -> None:
    (cluster.base / "odoo1.busy").touch()
    process = cluster.start(cluster.write())
    wait_until(lambda: cluster.has("odoo1.drained"))
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, cluster.versions, cluster.out) == (130, ["old", "old"], []), said


def test_interrupted_in_an_upgrade_that_node_is_finished(cluster: Cluster) -> None:
    slow = f"sh -c 'touch {cluster.base}/slow; sleep 1; echo new > {cluster.base}/{{node}}.version'"
    process = cluster.start(cluster.write(upgrade=slow))
    wait_until(lambda: cluster.has("slow"))
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, cluster.versions, cluster.out) == (130, ["new", "old"], []), said


def test_killed_in_an_upgrade_another_process_goes_on(cluster: Cluster) -> None:
    stuck = f"sh -c 'echo $$ > {cluster.base}/pid; exec sleep 600'"
    process = cluster.start(cluster.write(upgrade=stuck))
    pid = cluster.base / "pid"
    wait_until(lambda: pid.exists() and bool(pid.read_text().strip()))
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    file = cluster.write()
    code, said = cluster.run(file)
    assert code != 0
    assert "go on with --resume or" in said
    code, said = cluster.run(file, "--resume")
    assert (code, cluster.versions, cluster.out) == (0, ["new", "new"], []), said
