"""Redis in its other shapes: a Cluster, behind TLS, on a Unix socket."""

from __future__ import annotations

import subprocess

import redis

from .addresses import free_port, next_address, wait_until
from .processes import ServerProcess, scratch_directory
from .server import Server


class PlainRedis(Server):
    """One redis-server without persistence; ``lines`` are appended to its configuration.

    ``{base}``, ``{address}`` and ``{port}`` in them are its own.
    """

    def __init__(self, *lines: str, port: bool = True) -> None:
        self.address = next_address()
        self.port = free_port(self.address)
        self.base = scratch_directory("odoo-ha-redis-")
        self.socket = self.base / "redis.sock"
        configuration = self.base / "redis.conf"
        common = [
            f"bind {self.address}",
            f"port {self.port if port else 0}",
            f"dir {self.base}",
            f"unixsocket {self.socket}",
            'save ""',
        ]
        own = [line.format(base=self.base, address=self.address, port=self.port) for line in lines]
        configuration.write_text("\n".join(common + own) + "\n")
        self.process = ServerProcess(
            f"redis {self.address}:{self.port}",
            ["redis-server", str(configuration)],
            log=self.base / "redis.log",
        )

    def start(self) -> None:
        self.process.start()
        wait_until(self.answers, timeout=30, what=f"{self.process.name} answers")

    def end(self) -> None:
        self.process.stop(timeout=5)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.exceptions.AuthenticationError:
            return True
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        """A client over the Unix socket, which no TLS is on."""
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5)


class ShardedRedis:
    """A Redis Cluster of three primaries without replicas; ``lines`` as for each server."""

    def __init__(self, *lines: str) -> None:
        common = (
            "cluster-enabled yes",
            "cluster-config-file nodes.conf",
            # Else they take the kernel's choice of source, 127.0.0.1, for each other's address.
            "cluster-announce-ip {address}",
            "bind-source-addr {address}",
        )
        self.nodes = [PlainRedis(*common, *lines) for _ in range(3)]

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        return tuple((node.address, node.port) for node in self.nodes)

    def __enter__(self) -> ShardedRedis:
        try:
            for node in self.nodes:
                node.start()
            named = [f"{address}:{port}" for address, port in self.addresses]
            subprocess.run(
                ["redis-cli", "--cluster", "create", *named, "--cluster-yes"],
                check=True,
                capture_output=True,
                timeout=60,
            )
            wait_until(self.is_whole, timeout=30, what="the Cluster serves all slots")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        for node in self.nodes:
            node.__exit__(None, None, None)

    def is_whole(self) -> bool:
        """Does every node serve?"""
        for node in self.nodes:
            with node.client() as client:
                if b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                    return False
        return True

    def keys(self) -> list[int]:
        """How many keys each node has."""
        counts = []
        for node in self.nodes:
            with node.client() as client:
                counts.append(int(client.dbsize()))
        return counts
