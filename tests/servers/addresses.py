"""Loopback addresses that stand for hosts, and free ports on them.

All addresses come from one block ``127.19.<block>.x`` so that several test runs can share
a machine. ``HA_TEST_BLOCK`` picks the block (default 62); pytest-xdist's second worker has the
next one, and so on.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
import time
from collections.abc import Callable

#: Below the kernel's ephemeral range, so that no outgoing connection takes a port
#: while the server that owned it is down for a test.
PORTS = range(20000, 32000)

_hosts = itertools.count(101)
_given: set[tuple[str, int]] = set()  # a server may take its port well after it was told which


def block() -> int:
    """The third byte of this process's addresses."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    return int(os.environ.get("HA_TEST_BLOCK", "62")) + int(worker.removeprefix("gw"))


def next_address() -> str:
    """Return a loopback address this process hasn't handed out yet."""
    return f"127.19.{block()}.{101 + (next(_hosts) - 101) % 150}"


def free_port(address: str) -> int:
    """Return a port nobody listens on at ``address``, never the same one twice."""
    for port in random.sample(PORTS, 200):
        if (address, port) in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            _given.add((address, port))
            return port
    raise RuntimeError(f"no free port on {address}")


def accepts_connections(address: str, port: int, *, timeout: float = 1.0) -> bool:
    """Tell whether something listens on ``address:port``."""
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return True
    except OSError:
        return False


def wait_until(
    condition: Callable[[], object], *, timeout: float, what: str, interval: float = 0.05
) -> float:
    """Poll ``condition`` until it is true; return the seconds it took.

    Raises TimeoutError naming ``what`` when ``timeout`` seconds pass first.
    """
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > timeout:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(interval)
    return time.monotonic() - started
