"""Measures the demonstration's cluster: what one request costs, and how many a second it does at most."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import psutil
import requests

from ha_setup.capacity.arithmetic import throughput
from ha_setup.cluster import Cluster
from ha_setup.cluster import layout as at
from ha_setup.errors import ClusterError

TIMEOUT_S = 60.0
WARM_UP_S = 3.0


@dataclass(frozen=True)
class Measured:
    """One request alone: `busy` seconds, and `cpu` seconds of a processor (the cluster's and the client's).
    `idle` is how many processors the cluster uses without any request. `predicted` and `measured` are the
    most requests a second."""

    busy: float
    cpu: float
    idle: float
    workers: int
    cpus: int
    predicted: float
    measured: float
    requests: int

    @property
    def ratio(self) -> float:
        return self.measured / self.predicted


class _User:
    """A user in the browser, who reads a list of partners."""

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._url = url
        self._call(
            "/web/session/authenticate", {"db": database, "login": login, "password": password}
        )

    def read(self) -> None:
        self._call(
            "/web/dataset/call_kw/res.partner/web_search_read",
            {
                "model": "res.partner",
                "method": "web_search_read",
                "args": [[]],
                "kwargs": {
                    "specification": {"display_name": {}, "email": {}, "phone": {}},
                    "limit": 80,
                },
            },
        )

    def _call(self, path: str, parameters: dict[str, Any]) -> None:
        body = {"jsonrpc": "2.0", "method": "call", "params": parameters}
        answer = self._session.post(f"{self._url}{path}", json=body, timeout=TIMEOUT_S)
        answer.raise_for_status()
        if "error" in answer.json():
            raise ClusterError(f"{path}: {answer.json()['error'].get('message')}")


def measure(cluster: Cluster, *, seconds: float = 15.0) -> Measured:
    """Nobody, one user alone, then as many as keep every worker busy, `seconds` each. ClusterError."""
    users = [
        _User(cluster.layout.base_url(), cluster.layout.database(), *login)
        for login in cluster.users()
    ]
    _run(users, WARM_UP_S)  # every worker has loaded the registry
    before = _cpu(cluster)
    time.sleep(seconds)
    idle = (_cpu(cluster) - before) / seconds
    before = _cpu(cluster)
    done, took = _run(users[:1], seconds)
    busy, cpu = took / done, (_cpu(cluster) - before - idle * took) / done
    workers = at.ODOO_WORKERS * len(cluster.layout.odoo)
    # Twice as many users as workers: none is ever without a request.
    done, took = _run(users[: 2 * workers], seconds)
    cpus = psutil.cpu_count() or 1
    predicted = throughput(workers, busy, cpus - idle, cpu)
    return Measured(busy, cpu, idle, workers, cpus, predicted, done / took, done)


def _run(users: list[_User], seconds: float) -> tuple[int, float]:
    """Have every user read again and again; how many requests that were, in how many seconds."""
    counts = [0] * len(users)
    problems: list[Exception] = []
    began = time.monotonic()

    def work(number: int, user: _User) -> None:
        try:
            while time.monotonic() < began + seconds:
                user.read()
                counts[number] += 1
        except (requests.RequestException, ClusterError, ValueError) as problem:
            problems.append(problem)

    threads = [
        threading.Thread(target=work, args=(number, user), daemon=True)
        for number, user in enumerate(users)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 2 * TIMEOUT_S)
    if problems or not sum(counts):
        raise ClusterError(f"the load failed: {problems[0] if problems else 'no answer'}")
    return sum(counts), time.monotonic() - began


def _cpu(cluster: Cluster) -> float:
    """Processor seconds that every process of the cluster has used, and this one."""
    used = sum(psutil.Process().cpu_times()[:2])
    for node in cluster.status():
        for process in cluster.processes_of(node):
            try:
                used += sum(process.cpu_times()[:2])
            except psutil.Error:
                continue
    return float(used)
