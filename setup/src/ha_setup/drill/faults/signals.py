"""Signals to the processes of nodes, until none is left that should have had one."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Sequence

import psutil

from ha_setup.cluster import Cluster
from ha_setup.errors import ClusterError

SIGNAL_LIMIT = 5.0  # seconds for processes to be gone, forks during the killing included
Chosen = Callable[[psutil.Process], bool]


def is_postgres(process: psutil.Process) -> bool:
    return process.name() == "postgres"


def is_not_postgres(process: psutil.Process) -> bool:
    return process.name() != "postgres"


def is_wal_receiver(process: psutil.Process) -> bool:
    return is_postgres(process) and "walreceiver" in " ".join(process.cmdline())


def expect_postmaster(cluster: Cluster, node: str) -> None:
    """A host without its PostgreSQL would be a milder fault than the one that is measured."""
    if not _alive(cluster, [node], is_postgres):
        raise ClusterError(f"PostgreSQL of {node} is not among the processes that can be seen")


def kill(cluster: Cluster, *nodes: str, only: Chosen | None = None) -> float:
    """kill -9 of every process of the nodes, until none is left; or, once, of those that `only` is true of:
    whoever supervises them may start them anew at once, and that is not ours to kill.

    Returns the first signal's moment.
    """
    names = " and ".join(nodes)
    victims = _alive(cluster, nodes, only)
    if not victims:
        raise ClusterError(f"nothing to kill: no process of {names} runs")
    began = time.monotonic()
    while victims:
        if time.monotonic() > began + SIGNAL_LIMIT:
            raise ClusterError(f"processes of {names} outlived kill -9 for {SIGNAL_LIMIT:.0f} s")
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if only:
            break
        victims = _alive(cluster, nodes, None)
    return began


def strike(processes: Sequence[psutil.Process]) -> float:
    """kill -9 of processes that were looked up before: finding them takes longer than some moments last.

    Returns the first signal's moment.
    """
    began = time.monotonic()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return began


def end(processes: Sequence[psutil.Process]) -> None:
    """Ask processes to end; those that are stopped in place go on, and end before anything else."""
    for number in (signal.SIGTERM, signal.SIGCONT):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


def freeze(
    cluster: Cluster, node: str, only: Chosen | None = None
) -> tuple[float, Callable[[], None]]:
    """Stop every process of a node in place (or those that `only` is true of).

    Returns the first signal's moment, and what lets them go on; it may be called twice.
    """
    frozen: dict[int, psutil.Process] = {}
    began = None

    def thaw() -> None:
        for process in frozen.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

    try:
        # Again, for what was forked meanwhile; stopped processes fork no more.
        while fresh := [p for p in _alive(cluster, [node], only) if p.pid not in frozen]:
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
    return began, thaw


def _alive(cluster: Cluster, nodes: Sequence[str], only: Chosen | None) -> list[psutil.Process]:
    found = []
    for node in nodes:
        for process in cluster.processes_of(node):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE and (only is None or only(process)):
                    found.append(process)
    return found
