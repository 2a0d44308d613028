"""A three-member etcd, one member of which can be cut off from the other two.

That one lives in a network namespace of its own, where packets between members can be dropped
without a word to either end, while clients still reach it: a partition, which neither stopping
nor freezing a process is. Needs root.
"""

from __future__ import annotations

import secrets
import subprocess
from contextlib import ExitStack
from types import TracebackType

from .addresses import block, free_port, wait_until
from .etcd import Etcd
from .processes import run_environment

_PEER_PORT = 22380


class EtcdCluster:
    """Entering starts all members, leaving stops them and removes the namespace."""

    def __init__(self) -> None:
        self._here, self._there = f"10.19.{block()}.241", f"10.19.{block()}.242"
        self._namespace = f"odoo-ha-etcd-{secrets.token_hex(3)}"
        self._link = f"hae{secrets.token_hex(3)}"
        self._stack = ExitStack()
        self.members: list[Etcd] = []

    def __enter__(self) -> EtcdCluster:
        with ExitStack() as stack:
            stack.callback(self._remove)
            self._connect()
            ports = [free_port(self._here) for _ in range(2)]
            urls = {f"etcd{n}": f"http://{self._here}:{port}" for n, port in enumerate(ports, 1)}
            urls["etcd3"] = f"http://{self._there}:{_PEER_PORT}"
            self.members = [
                Etcd(address=self._here, name="etcd1", members=urls),
                Etcd(address=self._here, name="etcd2", members=urls),
                Etcd(address=self._there, name="etcd3", members=urls, namespace=self._namespace),
            ]
            # A member answers only when the majority is there: all start before any is asked.
            for member in self.members:
                stack.callback(member.__exit__, None, None, None)
                member.process.start()
            for member in self.members:
                wait_until(member.is_ready, timeout=30, what=f"{member.process.name} answers")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def urls(self) -> list[str]:
        return [member.url for member in self.members]

    @property
    def leader(self) -> Etcd:
        """The leader, once there is one."""
        found: list[Etcd] = []

        def is_found() -> bool:
            running = [each for each in self.members if each.process.is_running()]
            found[:] = [each for each in running if each.is_ready() and each.leads()]
            return len(found) == 1

        wait_until(is_found, timeout=30, what="etcd has one leader")
        return found[0]

    # -- verbs

    def partition(self) -> None:
        """Cut the third member off from the others, both ways; clients still reach it."""
        for chain, of in (("INPUT", "-s"), ("OUTPUT", "-d")):
            for flag in ("--dport", "--sport"):
                for port in self._peer_ports():
                    self._inside(
                        "iptables", "-A", chain, of, self._here, "-p", "tcp", flag, port, "-j", "DROP"
                    )  # fmt: skip

    def join(self) -> None:
        """End the partition."""
        self._inside("iptables", "-F")

    def heal(self) -> None:
        self.join()
        for member in self.members:
            member.thaw()
            if not member.process.is_running():
                member.start()
        for member in self.members:
            wait_until(member.is_ready, timeout=30, what=f"{member.process.name} answers")

    def _peer_ports(self) -> list[str]:
        return [str(_PEER_PORT), *(member.peer.rpartition(":")[2] for member in self.members[:2])]

    def _connect(self) -> None:
        _run("ip", "netns", "add", self._namespace)
        inside = self._link + "n"
        _run("ip", "link", "add", self._link, "type", "veth", "peer", "name", inside)
        _run("ip", "link", "set", inside, "netns", self._namespace)
        _run("ip", "address", "add", f"{self._here}/30", "dev", self._link)
        _run("ip", "link", "set", self._link, "up")
        self._inside("ip", "address", "add", f"{self._there}/30", "dev", inside)
        self._inside("ip", "link", "set", inside, "up")
        self._inside("ip", "link", "set", "lo", "up")

    def _remove(self) -> None:
        # The link goes with the namespace that one end of it is in.
        _run("ip", "netns", "delete", self._namespace)

    def _inside(self, *command: str) -> None:
        _run("ip", "netns", "exec", self._namespace, *command)


def _run(*command: str) -> None:
    done = subprocess.run(
        command, env=run_environment({}), capture_output=True, text=True, timeout=20, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
