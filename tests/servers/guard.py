"""Ends the test servers when the test run that started them is gone.

Runs as a child of the test run with a pipe as its standard input: one line per process
(``PID START_TIME``) or directory (``DIR PATH``) to clean up. The pipe closes when the run
ends in whatever way, SIGKILL included; what still lives then is killed by its exact id.
"""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

#: Set in the environment of every server, to find the ones whose parent died first.
MARKER = "HA_TEST_RUN"


def marked(run: str) -> list[psutil.Process]:
    """Return the living processes that belong to the test run ``run``."""
    found = []
    wanted = f"{MARKER}={run}".encode()
    for process in psutil.process_iter():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            alive = process.status() != psutil.STATUS_ZOMBIE
        except (OSError, psutil.Error):
            continue
        if alive and wanted in environment.split(b"\0"):
            found.append(process)
    return found


def with_descendants(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return ``processes`` and everything below them, parents first."""
    family: dict[int, psutil.Process] = {}
    for process in processes:
        try:
            members = [process, *process.children(recursive=True)]
        except psutil.Error:
            continue
        family.update((member.pid, member) for member in members)
    return list(family.values())


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill each process with SIGKILL; psutil refuses a process id that was reused."""
    for process in processes:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue


def main(run: str) -> None:
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, signal.SIG_IGN)
    watched: list[psutil.Process] = []
    directories: list[Path] = []
    for line in sys.stdin:
        word, value = line.rstrip("\n").split(" ", 1)
        if word == "DIR":
            directories.append(Path(value))
            continue
        try:
            process = psutil.Process(int(word))
            if abs(process.create_time() - float(value)) < 1:
                watched.append(process)
        except psutil.Error:
            continue
    kill(with_descendants([*watched, *marked(run)]))
    kill(marked(run))
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
