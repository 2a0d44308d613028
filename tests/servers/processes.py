"""One server process with its descendants: start, stop, kill, freeze, thaw.

Every process started here carries the run's marker and is known to the guard (see
``guard``), so that an interrupted run leaves nothing behind.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from . import guard
from .addresses import wait_until

RUN = secrets.token_hex(8)

_guard: subprocess.Popen[str] | None = None
_directories: list[Path] = []


def _tell_guard(line: str) -> None:
    global _guard
    if _guard is None:
        _guard = subprocess.Popen(
            [sys.executable, guard.__file__, RUN],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        atexit.register(_end_guard)
    assert _guard.stdin is not None
    _guard.stdin.write(line + "\n")
    _guard.stdin.flush()


def _end_guard() -> None:
    assert _guard is not None
    assert _guard.stdin is not None
    _guard.stdin.close()
    _guard.wait(timeout=30)


def run_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process of this run, so that the guard finds it."""
    return {**os.environ, **environment, guard.MARKER: RUN}


def leftovers() -> list[psutil.Process]:
    """Return the servers of this run that still live (for a last check)."""
    return guard.marked(RUN)


def scratch_directory(prefix: str = "odoo-ha-test-") -> Path:
    """Make a directory that other users (postgres) can enter; removed when the run ends.

    It stands below /var/tmp because pytest's own is closed to other users. Set
    ``HA_TEST_KEEP`` to keep it for a look at the logs.
    """
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir="/var/tmp"))
    directory.chmod(0o755)
    _directories.append(directory)
    if not os.environ.get("HA_TEST_KEEP"):
        _tell_guard(f"DIR {directory}")
    return directory


def discard(directory: Path) -> None:
    """Remove a scratch directory now, unless ``HA_TEST_KEEP`` is set."""
    if not os.environ.get("HA_TEST_KEEP"):
        shutil.rmtree(directory, ignore_errors=True)


class ServerProcess:
    """A program, its log file and the tree of processes below it.

    ``user`` runs it as that user, which only root can do.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        directory: Path | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.environment = dict(environment or {})
        self.user = user
        self.directory = directory
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program; a process that still runs is an error."""
        if self.is_running():
            raise RuntimeError(f"{self.name} already runs")
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=run_environment(self.environment),
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                cwd=self.directory,
                start_new_session=True,
            )
        try:
            created = psutil.Process(self._popen.pid).create_time()
        except psutil.Error:
            return
        _tell_guard(f"{self._popen.pid} {created}")

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs or before it was started."""
        return None if self._popen is None else self._popen.poll()

    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def tree(self) -> list[psutil.Process]:
        """Return the process and its descendants, parents first; empty when it ended."""
        if not self.is_running():
            return []
        return guard.with_descendants([psutil.Process(self.pid)])

    def send(self, signal_number: int) -> None:
        """Send a signal to the program itself, not to its descendants."""
        if self._popen is not None:
            self._popen.send_signal(signal_number)

    def wait(self, timeout: float) -> int:
        """Wait for the program's end and return its exit code (TimeoutExpired otherwise)."""
        if self._popen is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._popen.wait(timeout)

    def stop(self, *, with_signal: int = signal.SIGTERM, timeout: float = 15) -> None:
        """End it: a signal to ask, SIGKILL for what is left after ``timeout`` seconds."""
        if self._popen is None:
            return
        tree = self.tree()
        for process in tree:
            _signal(process, signal.SIGCONT)
        if self._popen.poll() is None:
            self._popen.send_signal(with_signal)
            try:
                self._popen.wait(timeout)
            except subprocess.TimeoutExpired:
                tree = [*tree, *self.tree()]
        self._finish(tree)

    def kill(self) -> None:
        """End the whole tree at once, as a power cut would."""
        tree = self.tree()
        for process in tree:
            _signal(process, signal.SIGSTOP)
        self._finish([*tree, *self.tree()])

    def _finish(self, tree: Sequence[psutil.Process]) -> None:
        guard.kill(tree)
        if self._popen is not None:
            self._popen.wait(10)
        wait_until(
            lambda: not any(_lives(process) for process in tree),
            timeout=10,
            what=f"end of every process of {self.name}",
        )

    def freeze(self) -> None:
        """SIGSTOP every process of the tree: sockets stay open and nothing answers."""
        for process in self.tree():
            _signal(process, signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self.tree():
            _signal(process, signal.SIGCONT)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
