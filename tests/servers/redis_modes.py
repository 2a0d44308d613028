"""Redis in its other shapes: a Cluster, behind TLS, on a Unix socket."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
    """A Redis Cluster of three primaries without replicas."""

    def __init__(self) -> None:
        lines = (
            "cluster-enabled yes",
            "cluster-config-file nodes.conf",
            # Else they take the kernel's choice of source, 127.0.0.1, for each other's address.
            "cluster-announce-ip {address}",
            "bind-source-addr {address}",
        )
        self.nodes = [PlainRedis(*lines) for _ in range(3)]

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


class Authority:
    """A certificate authority that signs for loopback addresses; files below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate = directory / "ca.crt"
        now = datetime.now(UTC)
        certificate = (
            self._builder(self._name, self._key, now, now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, addresses: Sequence[str], *, expired: bool = False
    ) -> tuple[Path, Path]:
        """(certificate, key) for ``addresses``; an expired one ended yesterday."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        end = now - timedelta(days=1) if expired else now + timedelta(days=1)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = [x509.IPAddress(ip_address(address)) for address in addresses]
        certificate = (
            self._builder(subject, key, now - timedelta(days=2), end)
            .add_extension(x509.SubjectAlternativeName(names or [x509.DNSName(name)]), False)
            .sign(self._key, hashes.SHA256())
        )
        paths = self._directory / f"{name}.crt", self._directory / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].touch(0o600)
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )
