"""A planned switchover: by the suite's command, and asked of Patroni alone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import requests

from ha_setup.drill.faults.scene import Injected, Scene
from ha_setup.errors import ClusterError

_COMMAND_LIMIT = 90.0  # seconds; it gives up by itself long before


def run_command(scene: Scene) -> Injected:
    """Run `ha-sidecar switchover` as an operator would, with the settings of the first sidecar. The undo step
    waits for its end and raises ClusterError, with its words, unless it switched. Stock has no sidecars:
    there Patroni is asked."""
    if scene.cluster.variant == "stock":
        return ask_patroni(scene)
    command = Path(sys.prefix) / "bin" / "ha-sidecar"
    settings = scene.cluster.layout.conf_dir("sidecar1") / "sidecar.toml"
    began = time.monotonic()
    process = subprocess.Popen(
        [str(command), "switchover", "--config", str(settings)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def ended() -> None:
        try:
            _, words = process.communicate(timeout=_COMMAND_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            _, words = process.communicate()
        if process.returncode != 0:
            raise ClusterError(
                f"ha-sidecar switchover ended with {process.returncode}: {words.strip()}"
            )

    return Injected(began, ended)


def ask_patroni(scene: Scene) -> Injected:
    """Ask Patroni for a switchover, as an operator's tool would. Its answer comes when all is done, so it is
    awaited in a thread; the undo step raises ClusterError when Patroni refused."""
    url = scene.cluster.patroni_url(scene.primary)
    refusal: list[str] = []

    def ask() -> None:
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    f"{url}/switchover", json={"leader": scene.primary}, timeout=(2, 60)
                )
            if answer.status_code not in (200, 202):
                refusal.append(f"{answer.status_code}, {answer.text.strip()}")
        except requests.RequestException as problem:
            refusal.append(str(problem))

    thread = threading.Thread(target=ask, name="switchover", daemon=True)
    began = time.monotonic()
    thread.start()

    def answered() -> None:
        thread.join(65)
        if refusal:
            raise ClusterError(f"Patroni did not switch over: {refusal[0]}")

    return Injected(began, answered)
