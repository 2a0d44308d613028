"""A lock between runs on one machine: held by a file, released by the kernel when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ha_setup.errors import SetupError


@contextmanager
def locked(
    path: Path, *, waiting: Callable[[str], None] | None = None, timeout: float = 0.0
) -> Iterator[int]:
    """Hold the lock file `path`; yields its descriptor, for child processes that must keep it.

    Waits up to `timeout` seconds and then raises SetupError naming the holder.
    `waiting` is told once that there is a wait, and for whom.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(descriptor, path, waiting, timeout)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield descriptor
    finally:
        os.close(descriptor)


def demo_lock(state_dir: Path) -> Path:
    """The lock of the demonstration's cluster: one command at a time brings it up, breaks it or ends it."""
    return state_dir / "demo.lock"


def _acquire(
    descriptor: int, path: Path, waiting: Callable[[str], None] | None, timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            if time.monotonic() >= deadline:
                raise SetupError(
                    f"another run (process {holder}) holds {path}: wait until it ends, or end it"
                ) from None
            if waiting is not None and not told:
                waiting(f"waiting for another run (process {holder})")
                told = True
            time.sleep(0.3)
