"""The hosts of a cluster in network namespaces of their own, joined by a bridge in a hub.

Between such hosts packets can get lost, which loopback never does: a fault can cut a host off without
any end of a connection being told. Commands work in the hub; the machine's own network sees nothing.
Needs root.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ha_setup.cluster.layout import Host, Layout
from ha_setup.commands import capture
from ha_setup.errors import ClusterError
from ha_setup.parts.system_packages import SYSTEM_PATH, install_missing
from ha_setup.progress import Progress

# program → Debian package that brings it
TOOLS: Mapping[str, str] = {"ip": "iproute2", "iptables": "iptables"}
_CLONE_NEWNET = 0x40000000
_NAMED = Path("/run/netns")
_OWN = "/proc/thread-self/ns/net"
_TIMEOUT_S = 20.0
HUB = "hub"


class Namespaces:
    """The network of one cluster. A thread and the processes that it starts share one namespace."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._outside: int | None = (
            None  # the namespace this process came from, while it is in the hub
        )

    @staticmethod
    def problem() -> str | None:
        """What keeps this process from using network namespaces; None when nothing does."""
        if os.geteuid() != 0:
            return "network namespaces need root: run as root, or without --network namespaces"
        if capture(["unshare", "--net", "--mount", "true"], timeout=_TIMEOUT_S) is None:
            return (
                "this machine lets root make no network namespaces (a container needs CAP_SYS_ADMIN and "
                "CAP_NET_ADMIN for it): run without --network namespaces"
            )
        return None

    @staticmethod
    def install_tools(log: Path, progress: Progress) -> None:
        """Install ip and iptables when they are missing; PartsError when that fails."""
        missing = {p for name, p in TOOLS.items() if shutil.which(name, path=SYSTEM_PATH) is None}
        if missing:
            install_missing(sorted(missing), log, progress)

    def name(self, host: str) -> str:
        """A host's namespace, as `ip netns` shows it."""
        return f"odoo-ha-{self._layout.block}-{host}"

    def make(self) -> None:
        """Have every namespace, with all hosts able to talk; nothing happens to those that are so."""
        hub = self.name(HUB)
        if not (_NAMED / hub).exists():
            _run("ip", "netns", "add", hub)
            _run("ip", "-n", hub, "link", "set", "lo", "up")
            _run("ip", "-n", hub, "link", "add", "bridge", "type", "bridge")
            _run("ip", "-n", hub, "addr", "add", f"{self._layout.hub_address}/24", "dev", "bridge")
            _run("ip", "-n", hub, "link", "set", "bridge", "up")
        for host in self._hosts.values():
            if not (_NAMED / self.name(host.name)).exists():
                self._add(host, hub)
            self.reconnect(host.name)

    def _add(self, host: Host, hub: str) -> None:
        own = self.name(host.name)
        _run("ip", "netns", "add", own)
        _run("ip", "-n", own, "link", "set", "lo", "up")
        cable = ("type", "veth", "peer", "name", "eth0", "netns", own)
        _run("ip", "-n", hub, "link", "add", host.name, *cable)
        _run("ip", "-n", hub, "link", "set", host.name, "master", "bridge", "up")
        _run("ip", "-n", own, "addr", "add", f"{host.address}/24", "dev", "eth0")
        _run("ip", "-n", own, "link", "set", "eth0", "up")

    def remove(self) -> None:
        """Remove every namespace of this cluster; the cluster's processes must have ended."""
        self.leave()
        for path in _NAMED.glob(self.name("*")):
            _run("ip", "netns", "delete", path.name)

    def enter(self) -> None:
        """From now on this thread, and the threads and processes that it starts, are in the hub."""
        if self._outside is None:
            outside = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
            _move_to(_NAMED / self.name(HUB))
            self._outside = outside

    def leave(self) -> None:
        """Take this thread back to where it was before `enter`."""
        if self._outside is not None:
            _set_namespace(self._outside)
            os.close(self._outside)
            self._outside = None

    @contextmanager
    def at(self, host: str) -> Iterator[None]:
        """While this lasts, this thread and the processes that it starts are on that host."""
        before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _move_to(_NAMED / self.name(host))
            try:
                yield
            finally:
                _set_namespace(before)
        finally:
            os.close(before)

    def cut_off(self, host: str) -> None:
        """From now on every packet from and to that host is dropped, without a word to anybody."""
        with self.at(host):
            for chain, interface in (("INPUT", "-i"), ("OUTPUT", "-o")):
                _run("iptables", "-w", "-A", chain, interface, "eth0", "-j", "DROP")

    def reconnect(self, host: str) -> None:
        """Let all packets pass again."""
        with self.at(host):
            _run("iptables", "-w", "-F")

    @property
    def _hosts(self) -> dict[str, Host]:
        return {node.host.name: node.host for node in self._layout.nodes}


def _move_to(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        raise ClusterError(
            f"the network namespace {path.name} is gone: bring the cluster up again"
        ) from None
    try:
        _set_namespace(descriptor)
    finally:
        os.close(descriptor)


def _set_namespace(descriptor: int) -> None:
    """setns(2) for this thread; Python has it from 3.12 on only."""
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise ClusterError(
            f"this process may not change its network namespace: {os.strerror(number)}"
        )


def _run(program: str, *words: str) -> None:
    try:
        done = subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ClusterError(f"{program} {' '.join(words)} failed: {problem}") from None
    if done.returncode != 0:
        raise ClusterError(f"{program} {' '.join(words)} failed: {done.stderr.strip()}")
