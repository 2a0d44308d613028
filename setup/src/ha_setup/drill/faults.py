"""Injects the faults, from outside: signals to processes, one request to Patroni."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil
import requests

from ha_setup.cluster import Cluster
from ha_setup.cluster.health import redis_command
from ha_setup.cluster.layout import PATRONI_PORT, REDIS_SERVICE, SENTINEL_PORT
from ha_setup.drill.options import Fault
from ha_setup.errors import ClusterError

Undo = Callable[[], None]


@dataclass(frozen=True)
class Injected:
    """A fault that was injected, its first signal sent `at` (time.monotonic), and what must be undone before
    the cluster can heal; that may be nothing."""

    at: float
    undo: Undo


_SIGNAL_LIMIT = 5.0  # seconds for processes to be gone, forks during the killing included


def inject(cluster: Cluster, fault: Fault, primary: str) -> Injected:
    """Do it, now.

    `primary` is the PostgreSQL primary's name. Raises ClusterError when there is nothing to break.
    """
    match fault:
        case Fault.SWITCHOVER | Fault.PATRONICTL_SWITCHOVER:
            return _switch_over(cluster, primary)
        case Fault.KILL_PRIMARY:
            _expect_postmaster(cluster, primary)
            return _kill(cluster, [primary])
        case Fault.FREEZE_PRIMARY:
            _expect_postmaster(cluster, primary)
            return _freeze(cluster, primary)
        case Fault.KILL_POSTGRES:
            return _kill(cluster, [primary], only="postgres")
        case Fault.KILL_ODOO_NODE:
            return _kill(cluster, ["odoo1", "sidecar1"])
        case Fault.KILL_REDIS_MASTER:
            redis = redis_primary(cluster)
            return _kill(cluster, [redis, redis.replace("redis", "sentinel")])
        case Fault.STOP_S3:
            began = time.monotonic()
            cluster.stop("s3")
            return Injected(began, _nothing)
        case Fault.KILL_SIDECAR:
            return _kill(cluster, ["sidecar1"])


def _nothing() -> None:
    """Healing starts what is down; there is nothing to undo."""


def _expect_postmaster(cluster: Cluster, node: str) -> None:
    """A host without its PostgreSQL would be a milder fault than the one that is measured."""
    for process in cluster.processes_of(node):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == "postgres":
                return
    raise ClusterError(f"PostgreSQL of {node} is not among the processes that can be seen")


def _kill(cluster: Cluster, nodes: Sequence[str], only: str | None = None) -> Injected:
    """kill -9 of every process of the nodes (or those named `only`), until none is left."""

    def alive() -> list[psutil.Process]:
        found = []
        for node in nodes:
            for process in cluster.processes_of(node):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.status() != psutil.STATUS_ZOMBIE and (
                        only is None or process.name() == only
                    ):
                        found.append(process)
        return found

    victims = alive()
    if not victims:
        raise ClusterError(f"nothing to kill: no process of {' and '.join(nodes)} runs")
    deadline = time.monotonic() + _SIGNAL_LIMIT
    began = time.monotonic()
    while victims:
        if time.monotonic() > deadline:
            raise ClusterError(
                f"processes of {' and '.join(nodes)} outlived kill -9 for {_SIGNAL_LIMIT:.0f} s"
            )
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if only:
            break  # whoever supervises it may start it anew at once, and that is not ours to kill
        victims = alive()
    return Injected(began, _nothing)


def _freeze(cluster: Cluster, node: str) -> Injected:
    """Stop every process of a node in place; undone by letting them go on."""
    frozen: dict[int, psutil.Process] = {}
    began = None

    def thaw() -> None:
        for process in frozen.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

    try:
        # Again, for what was forked meanwhile; stopped processes fork no more.
        while fresh := [p for p in cluster.processes_of(node) if p.pid not in frozen]:
            began = began or time.monotonic()
            for process in fresh:
                frozen[process.pid] = process
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGSTOP)
    except BaseException:
        thaw()
        raise
    if began is None:
        raise ClusterError(f"nothing to freeze: no process of {node} runs")
    return Injected(began, thaw)


def _switch_over(cluster: Cluster, primary: str) -> Injected:
    """Ask Patroni for a switchover, as an operator's tool would. Its answer comes when all is done, so it is
    awaited in a thread; the undo step raises ClusterError when Patroni refused."""
    address = next(host.address for host in cluster.layout.pg if host.name == primary)
    refusal: list[str] = []

    def ask() -> None:
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    f"http://{address}:{PATRONI_PORT}/switchover",
                    json={"leader": primary},
                    timeout=(2, 60),
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


def redis_primary(cluster: Cluster) -> str:
    """The node that Sentinel calls the primary; the first Sentinel that answers is believed."""
    question = ("SENTINEL", "get-master-addr-by-name", REDIS_SERVICE)
    for host in cluster.layout.redis:
        try:
            answer = redis_command(host, SENTINEL_PORT, cluster.secrets.redis, *question)
        except (OSError, ValueError):
            continue
        named = [h.name for h in cluster.layout.redis if h.address == answer.split("\n")[0]]
        if named:
            return named[0]
    raise ClusterError(
        "no Sentinel names a Redis primary: is Redis up? Look at the logs of sentinel1 to sentinel3"
    )
