"""A planned switchover, asked of Patroni."""

from __future__ import annotations

import threading
import time

import requests

from ha_setup.drill.faults.scene import Injected, Scene
from ha_setup.errors import ClusterError


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
