"""Starting, finding and ending the processes of a cluster; nothing else on the machine is touched.

A node's processes are found by three marks, since each can be missing: the pid in the registry
with its descendants, PostgreSQL's postmaster.pid with its descendants (the postmaster outlives
Patroni), and an environment variable that every child inherits.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from ha_setup.cluster.launch import Launch
from ha_setup.cluster.layout import Layout
from ha_setup.cluster.look import MARK, Look
from ha_setup.cluster.registry import Entry, Registry
from ha_setup.errors import ClusterError
from ha_setup.files import write_file

LARGE_LOG_BYTES = 50_000_000


def postgres_user() -> pwd.struct_passwd | None:
    """The account for PostgreSQL when we are root (it refuses root); None when we are not."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise ClusterError(
            "there is no user postgres, and PostgreSQL refuses to run as root: adduser postgres"
        ) from None


class Processes:
    """The processes of one cluster."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._registry = Registry(layout.directory / "pids.json")
        self._children: list[subprocess.Popen[bytes]] = []

    def mark_of(self, node: str) -> str:
        return f"{self._layout.directory}:{node}"

    # -- starting

    def spawn(self, node: str, launch: Launch) -> int:
        """Start a node detached, in a session of its own; its output goes to its log. Returns the pid."""
        account = postgres_user() if launch.as_postgres else None
        owner = (account.pw_uid, account.pw_gid) if account else None
        for directory in (*launch.directories, self._layout.log_file(node).parent):
            directory.mkdir(parents=True, exist_ok=True)
            if owner is not None and directory in launch.directories:
                os.chown(directory, *owner)
        for file in launch.files:
            if file.keep and file.path.exists():
                file.path.chmod(file.mode)  # the server wrote it anew, maybe for all to read
            else:
                write_file(file.path, file.text, mode=file.mode, owner=owner)
        log = self._layout.log_file(node)
        if log.exists() and log.stat().st_size > LARGE_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            try:
                child = subprocess.Popen(
                    launch.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    cwd=self._layout.node_dir(node),
                    env=self.environment(node, launch),
                    user=account.pw_uid if account else None,
                    group=account.pw_gid if account else None,
                    extra_groups=os.getgrouplist(account.pw_name, account.pw_gid)
                    if account
                    else None,
                    umask=launch.umask,
                )
            except OSError as problem:
                raise ClusterError(
                    f"{node} cannot be started: {launch.argv[0]}: {problem.strerror}"
                ) from None
        self._children.append(child)
        with suppress(psutil.NoSuchProcess):
            self._registry.record(node, Entry(child.pid, psutil.Process(child.pid).create_time()))
        return child.pid

    def environment(self, node: str, launch: Launch) -> dict[str, str]:
        """A small environment, with the cluster's mark: nothing of the caller's leaks into a server."""
        account = postgres_user() if launch.as_postgres else None
        env = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": account.pw_dir if account else str(self._layout.directory),
            MARK: self.mark_of(node),
        }
        return env | dict(launch.env)

    # -- finding

    def of(self, node: str, look: Look | None = None) -> list[psutil.Process]:
        """Every living process of the node, parents first; `look` (default: now) shows where they are."""
        self._reap()
        look = look or Look.now()
        found: dict[int, psutil.Process] = {}
        for root in self._roots(node, look):
            for process in look.family(root):
                found.setdefault(process.pid, process)
        return [p for p in found.values() if _lives(p)]

    def of_each(self, nodes: Iterable[str]) -> dict[str, list[psutil.Process]]:
        """The same of several nodes, at one moment."""
        look = Look.now()
        return {node: self.of(node, look) for node in nodes}

    def of_all(self) -> list[psutil.Process]:
        """Every living process of the cluster."""
        look = Look.now()
        found: dict[int, psutil.Process] = {}
        for node in self._layout.nodes:
            for process in self.of(node.name, look):
                found.setdefault(process.pid, process)
        for process in look.marked_below(f"{self._layout.directory}:"):
            for each in look.family(process):
                found.setdefault(each.pid, each)
        return [p for p in found.values() if _lives(p)]

    def main(self, node: str) -> psutil.Process | None:
        """The process that was started for the node, if it lives."""
        self._reap()
        entry = self._registry.entries().get(node)
        process = _process_of(entry) if entry else None
        return process if process is not None and _lives(process) else None

    def _roots(self, node: str, look: Look) -> Iterable[psutil.Process]:
        entry = self._registry.entries().get(node)
        if entry is not None and (process := _process_of(entry)) is not None:
            yield process
        if self._layout.node(node).kind == "pg":
            postmaster = postmaster_of(self._layout.data_dir(node) / "pg")
            if postmaster is not None:
                yield postmaster
        yield from look.marked(self.mark_of(node))

    def _reap(self) -> None:
        """Collect our own dead children, which would otherwise stay as zombies."""
        self._children = [child for child in self._children if child.poll() is None]

    # -- ending

    def end(self, nodes: Iterable[str], *, patience: float) -> None:
        """End all processes of these nodes: TERM to their main process, KILL to what is left.

        Raises ClusterError naming what could not be ended.
        """
        names = list(nodes)
        before = self.of_each(names)
        for processes in before.values():
            for process in _to_terminate(processes):
                _send(process, signal.SIGTERM)
            for process in processes:
                _send(process, signal.SIGCONT)  # a frozen process hears TERM only when it runs
        deadline = time.monotonic() + patience
        left = before
        while time.monotonic() < deadline and any(left.values()):
            time.sleep(0.1)
            left = self.of_each(names)
        left = self.of_each(names)
        self.kill([p for name in names for p in (*left[name], *before[name])])
        for name in names:
            self._registry.forget(name)

    def kill(self, processes: Iterable[psutil.Process], patience: float = 5.0) -> None:
        """KILL until they are gone; ClusterError names those that stay."""
        left = [p for p in processes if _lives(p)]
        deadline = time.monotonic() + patience
        while left:
            for process in left:
                _send(process, signal.SIGKILL)
            time.sleep(0.05)
            self._reap()
            left = [p for p in left if _lives(p)]
            if left and time.monotonic() > deadline:
                raise ClusterError(
                    "these processes do not end: " + ", ".join(describe(p) for p in left)
                )


def postmaster_of(data: Path) -> psutil.Process | None:
    """The postmaster that runs on this data directory."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        # The file survives a crash, and its pid may be somebody else's by now. The command line is
        # what every user may read; the working directory, in a container, not even root may.
        ours = process.name() == "postgres" and str(data) in process.cmdline()
        return process if ours else None
    except (OSError, ValueError, psutil.Error):
        return None


def describe(process: psutil.Process) -> str:
    """Name and pid, for people; never the command line."""
    try:
        return f"{process.name()} (pid {process.pid})"
    except psutil.Error:
        return f"pid {process.pid}"


def _process_of(entry: Entry) -> psutil.Process | None:
    try:
        process = psutil.Process(entry.pid)
        return process if entry.matches(process.pid, process.create_time()) else None
    except psutil.Error:
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _to_terminate(processes: list[psutil.Process]) -> list[psutil.Process]:
    """The topmost processes: those end their own children in good order."""
    pids = {p.pid for p in processes}
    topmost = []
    for process in processes:
        try:
            if process.ppid() not in pids:
                topmost.append(process)
        except psutil.Error:
            continue
    return topmost


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)
