"""What on this machine stands in the way of a cluster, found before anything is started."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from ha_setup.cluster.layout import Layout, Node
from ha_setup.errors import PreflightError

NEEDED_DISK_BYTES = 2_000_000_000
NEEDED_MEMORY_BYTES = 2_000_000_000
NEEDED_MEMORY_SMALL_BYTES = 1_600_000_000
SOCKET_PATH_LIMIT = 107


@dataclass(frozen=True)
class Observation:
    """What was seen. `taken` are the ports in use by others: (address, port, holder)."""

    taken: Sequence[tuple[str, int, str]]
    unreachable_addresses: Sequence[str]
    free_disk: int
    free_memory: int
    closed_directories: Sequence[Path]
    running_already: bool
    foreign_files: Sequence[Path] = ()


def problems(layout: Layout, seen: Observation) -> list[str]:
    """All that stands in the way, each with its remedy. Pure."""
    found = []
    for address, port, holder in seen.taken:
        found.append(
            f"{address}:{port} is in use by {holder}: end it, or choose other addresses with --block"
        )
    if seen.unreachable_addresses:
        found.append(
            f"this machine cannot listen on {', '.join(seen.unreachable_addresses)}: "
            "Linux answers on all of 127.0.0.0/8 as long as the interface lo is up (ip link set lo up)"
        )
    # A cluster that runs has its disk and memory already.
    if not seen.running_already:
        if seen.free_disk < NEEDED_DISK_BYTES:
            found.append(
                f"{layout.state_dir} has {seen.free_disk / 1e9:.1f} GB free and {NEEDED_DISK_BYTES / 1e9:.1f} GB "
                "are needed: make room, or choose another place with --state-dir"
            )
        needed = NEEDED_MEMORY_SMALL_BYTES if layout.small else NEEDED_MEMORY_BYTES
        if seen.free_memory < needed:
            found.append(
                f"{seen.free_memory / 1e9:.1f} GB of memory are free and {needed / 1e9:.1f} GB are needed: "
                "end other programs" + ("" if layout.small else ", or use --small")
            )
    for directory in seen.closed_directories:
        found.append(
            f"{directory} is closed to user postgres, who runs PostgreSQL below it: "
            f"chmod o+x {directory}, or choose another place with --state-dir"
        )
    for file in seen.foreign_files:
        found.append(
            f"{file} was left by another user and is in S3's way: remove it as that user or as root, "
            "or choose other addresses with --block"
        )
    longest = max(
        (str(layout.run_dir(node.name) / ".s.PGSQL.15432.lock") for node in layout.nodes), key=len
    )
    if len(longest) > SOCKET_PATH_LIMIT:
        found.append(
            f"{layout.state_dir} is too long for Unix sockets below it (by {len(longest) - SOCKET_PATH_LIMIT} "
            "characters): choose a shorter --state-dir"
        )
    return found


def observe(layout: Layout, absent: Iterable[Node], *, running_already: bool) -> Observation:
    """Look at the machine. `absent` are the nodes that do not run, whose ports must be free."""
    taken: list[tuple[str, int, str]] = []
    unreachable: list[str] = []
    for node in absent:
        for port in node.ports:
            problem = _try_to_listen(node.host.address, port)
            if problem == errno.EADDRINUSE:
                taken.append((node.host.address, port, _holder(node.host.address, port)))
            elif problem and node.host.address not in unreachable:
                unreachable.append(node.host.address)
    return Observation(
        taken=taken,
        unreachable_addresses=unreachable,
        free_disk=shutil.disk_usage(_existing(layout.directory)).free,
        free_memory=psutil.virtual_memory().available,
        closed_directories=_closed_directories(layout.directory),
        running_already=running_already,
        foreign_files=[path for path in layout.s3_ports.sockets if _is_foreign(path)],
    )


def check(layout: Layout, absent: Iterable[Node], *, running_already: bool) -> None:
    """Raise PreflightError with all that stands in the way."""
    found = problems(layout, observe(layout, absent, running_already=running_already))
    if found:
        raise PreflightError(
            "this machine is not ready:\n" + "\n".join(f"  - {line}" for line in found)
        )


def _try_to_listen(address: str, port: int) -> int:
    """0, or the error number that bind gives."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as problem:
            return problem.errno or errno.EADDRINUSE
    return 0


def _holder(address: str, port: int) -> str:
    try:
        for connection in psutil.net_connections("inet"):
            local = connection.laddr
            if (
                connection.status == psutil.CONN_LISTEN
                and local
                and local.port == port
                and local.ip in (address, "0.0.0.0", "::")  # noqa: S104 - compared, not bound
                and connection.pid
            ):
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return "another process"


def _is_foreign(path: Path) -> bool:
    try:
        return os.geteuid() not in (0, path.lstat().st_uid)
    except OSError:
        return False


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _closed_directories(path: Path) -> list[Path]:
    """Directories on the way that user postgres cannot enter; none when we run PostgreSQL as ourselves."""
    if os.geteuid() != 0:
        return []
    existing = _existing(path)
    return [
        directory
        for directory in (existing, *existing.parents)
        if not stat.S_IMODE(directory.stat().st_mode) & stat.S_IXOTH
    ]
