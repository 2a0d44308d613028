"""Redis with Sentinel on loopback addresses: one primary, its replicas, and the watchers.

Redis itself still says *master* in its configuration and replies; only those words are
quoted here, the rest says primary.
"""

from __future__ import annotations

import functools
import secrets
from pathlib import Path
from types import TracebackType

import redis
import redis.sentinel

from .addresses import free_port, next_address, wait_until
from .processes import ServerProcess, discard, scratch_directory
from .server import Faults

#: What the Sentinels call the set of servers they watch.
SERVICE = "odoo"


class RedisServer(Faults):
    """One redis-server; it follows ``upstream`` when that is given."""

    def __init__(self, base: Path, password: str, *, upstream: RedisServer | None = None) -> None:
        self.address = next_address()
        self.port = free_port(self.address)
        self.password = password
        self.base = base / f"redis-{self.address}-{self.port}"
        self.base.mkdir()
        configuration = self.base / "redis.conf"
        configuration.touch(0o600)
        lines = [
            f"bind {self.address}",
            f"port {self.port}",
            f"dir {self.base}",
            # Without these the primary and the Sentinels take the kernel's choice of
            # source, 127.0.0.1, for the replica's address.
            f"bind-source-addr {self.address}",
            f"replica-announce-ip {self.address}",
            f"requirepass {password}",
            f"masterauth {password}",
            "appendonly yes",
            "repl-diskless-sync-delay 0",
            "repl-timeout 5",
        ]
        if upstream:
            lines.append(f"replicaof {upstream.address} {upstream.port}")
        configuration.write_text("\n".join(lines) + "\n")
        self.process = ServerProcess(
            f"redis {self.address}:{self.port}",
            ["redis-server", str(configuration)],
            log=self.base / "redis.log",
        )

    @property
    def url(self) -> str:
        """The URL without the password."""
        return f"redis://{self.address}:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis(
            host=self.address,
            port=self.port,
            password=self.password,
            socket_timeout=2,
            socket_connect_timeout=2,
            decode_responses=True,
        )

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        self.process.start()
        wait_until(self.answers, timeout=15, what=f"{self.process.name} answers")

    def stop(self) -> None:
        self.process.stop()

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def role(self) -> str:
        """Return ``primary`` or ``replica``, as the server itself says."""
        with self.client() as client:
            return {"master": "primary", "slave": "replica"}[client.role()[0]]


class Sentinel:
    """One redis-sentinel that watches ``primary``."""

    def __init__(self, base: Path, primary: RedisServer, quorum: int) -> None:
        self.address = next_address()
        self.port = free_port(self.address)
        self.base = base / f"sentinel-{self.address}-{self.port}"
        self.base.mkdir()
        configuration = self.base / "sentinel.conf"
        configuration.touch(0o600)
        configuration.write_text(
            f"bind {self.address}\nport {self.port}\ndir {self.base}\n"
            f"sentinel announce-ip {self.address}\n"
            f"sentinel monitor {SERVICE} {primary.address} {primary.port} {quorum}\n"
            f"sentinel auth-pass {SERVICE} {primary.password}\n"
            f"sentinel down-after-milliseconds {SERVICE} 1000\n"
            f"sentinel failover-timeout {SERVICE} 5000\n"
        )
        self.process = ServerProcess(
            f"sentinel {self.address}:{self.port}",
            ["redis-server", str(configuration), "--sentinel"],
            log=self.base / "sentinel.log",
        )

    def client(self) -> redis.Redis:
        return redis.Redis(
            host=self.address,
            port=self.port,
            socket_timeout=2,
            socket_connect_timeout=2,
            decode_responses=True,
        )

    def knows(self, replicas: int, sentinels: int) -> bool:
        """Tell whether it has found all the replicas and all the other Sentinels."""
        try:
            with self.client() as client:
                state = client.execute_command("SENTINEL", "MASTER", SERVICE)
        except redis.RedisError:
            return False
        pairs = (
            state if isinstance(state, dict) else dict(zip(state[::2], state[1::2], strict=True))
        )
        return (
            int(pairs["num-slaves"]) >= replicas and int(pairs["num-other-sentinels"]) >= sentinels
        )


class RedisCluster:
    """A primary, ``replicas`` replicas and ``sentinels`` Sentinels, ready to fail over."""

    def __init__(self, *, replicas: int = 2, sentinels: int = 3) -> None:
        self.base = scratch_directory("odoo-ha-redis-")
        self.password = secrets.token_urlsafe(12)
        first = RedisServer(self.base, self.password)
        self.servers = [first]
        self.servers += [
            RedisServer(self.base, self.password, upstream=first) for _ in range(replicas)
        ]
        quorum = sentinels // 2 + 1
        self.sentinels = [Sentinel(self.base, first, quorum) for _ in range(sentinels)]

    def __enter__(self) -> RedisCluster:
        try:
            for server in self.servers:
                server.start()
            for replica in self.servers[1:]:
                wait_until(
                    functools.partial(self._is_linked, replica),
                    timeout=20,
                    what=f"{replica.process.name} follows the primary",
                )
            for sentinel in self.sentinels:
                sentinel.process.start()
            for sentinel in self.sentinels:
                wait_until(
                    functools.partial(
                        sentinel.knows, len(self.servers) - 1, len(self.sentinels) - 1
                    ),
                    timeout=30,
                    what=f"{sentinel.process.name} knows the set",
                )
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sentinel in self.sentinels:
            sentinel.process.stop(timeout=5)
        for server in self.servers:
            server.process.stop(timeout=5)
        discard(self.base)

    @staticmethod
    def _is_linked(replica: RedisServer) -> bool:
        with replica.client() as client:
            return bool(client.info("replication").get("master_link_status") == "up")

    @property
    def sentinel_addresses(self) -> str:
        """``host:port,host:port``, as settings have it."""
        return ",".join(f"{one.address}:{one.port}" for one in self.sentinels)

    def primary(self) -> RedisServer:
        """Return the server that the Sentinels name and that says itself it is the primary.

        Raises LookupError while there is none.
        """
        watchers = [one.client() for one in self.sentinels if one.process.is_running()]
        for watcher in watchers:
            try:
                answer = watcher.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
                address, port = answer
            except (redis.RedisError, TypeError):
                continue
            finally:
                watcher.close()
            for server in self.servers:
                named = (server.address, server.port) == (address, int(port))
                if named and server.process.is_running() and server.role() == "primary":
                    return server
        raise LookupError("the Sentinels name no living primary")

    def wait_for_failover(self, old: RedisServer, *, timeout: float = 30) -> RedisServer:
        """Wait until another server than ``old`` is the primary, and return it."""

        def moved() -> bool:
            try:
                return self.primary() is not old
            except (LookupError, redis.RedisError):
                return False

        wait_until(moved, timeout=timeout, what=f"Sentinel replaces {old.process.name}")
        return self.primary()
