"""Where every node of a cluster lives: addresses, ports, directories. Pure.

Each host has an address of its own: on the loopback network 127.19.<block>.0/24, or, in network
namespaces, on 10.19.<block>.0/24. So several clusters can be up at once. Every port is its standard number plus 10000, so that nothing here
meets a server that the machine already runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Variant = Literal["suite", "stock"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
Network = Literal["loopback", "namespaces"]
Pooler = Literal["none", "session", "transaction"]
POOLERS: tuple[Pooler, ...] = get_args(Pooler)
NETWORKS: tuple[Network, ...] = get_args(Network)

SCOPE = "odoo-cluster"
NAMESPACE = "/service/"
S3_BUCKET = "odoo-ha"
REDIS_SERVICE = "odoo-ha"
SYSTEM_ROLES = ("postgres", "replicator", "rewinder")
ODOO_ROLE = "odoo"
PROBE_ROLE = "ha_probe"
DEMO_USERS = 10
ODOO_WORKERS = 2

PG_PORT = 15432
PATRONI_PORT = 18008
ETCD_CLIENT_PORT = 12379
ETCD_PEER_PORT = 12380
REDIS_PORT = 16379
SENTINEL_PORT = 36379
S3_PORT = 18333
S3_PROXY_PORT = 18334
ODOO_PORT = 18069
PGBOUNCER_PORT = 16432
GEVENT_PORT = 18072
BALANCER_SUITE_PORT = 18080
BALANCER_STOCK_PORT = 18081
BALANCER_PG_PORT = 15000
BALANCER_STATS_PORT = 18404


@dataclass(frozen=True)
class Host:
    """One host: its name in the cluster and its address."""

    name: str
    address: str


@dataclass(frozen=True)
class Node:
    """One startable thing. `kind` says what runs there, `host` where it listens."""

    name: str
    kind: str
    host: Host
    ports: tuple[int, ...]


@dataclass(frozen=True)
class S3Ports:
    """SeaweedFS's inner ports.

    It names Unix sockets in /tmp after them whatever address it has, and two clusters that meet
    there take each other for one: the ports differ from block to block.
    """

    block: int

    def _port(self, number: int) -> int:
        return 20_000 + 10 * self.block + number

    @property
    def master(self) -> int:
        return self._port(0)

    @property
    def volume(self) -> int:
        return self._port(1)

    @property
    def filer(self) -> int:
        return self._port(2)

    @property
    def master_grpc(self) -> int:
        return self._port(3)

    @property
    def volume_grpc(self) -> int:
        return self._port(4)

    @property
    def filer_grpc(self) -> int:
        return self._port(5)

    @property
    def s3_grpc(self) -> int:
        return self._port(6)

    @property
    def all(self) -> tuple[int, ...]:
        return tuple(self._port(number) for number in range(7))

    @property
    def sockets(self) -> tuple[Path, ...]:
        """Files that SeaweedFS makes in /tmp, and leaves there."""
        named = {
            "master": self.master_grpc,
            "volume": self.volume_grpc,
            "filer": self.filer_grpc,
            "s3": self.s3_grpc,
        }
        return tuple(
            Path(f"/tmp/seaweedfs-{what}-grpc-{port}.sock")  # noqa: S108 - its own choice
            for what, port in named.items()
        )


@dataclass(frozen=True)
class Layout:
    """A cluster's shape. `directory` holds all of its files: state_dir/<cluster name>."""

    state_dir: Path
    name: str = "demo"
    block: int = 1
    small: bool = False
    network: Network = "loopback"
    pooler: Pooler = "none"

    def __post_init__(self) -> None:
        if not 1 <= self.block <= 254:
            raise ValueError(f"block must be between 1 and 254, not {self.block}")

    def _host(self, name: str, last: int) -> Host:
        return Host(name, f"{self._prefix}.{last}")

    @property
    def _prefix(self) -> str:
        return f"{'127' if self.network == 'loopback' else '10'}.19.{self.block}"

    @property
    def subnet(self) -> str:
        """Where the cluster's clients may come from."""
        return "127.0.0.0/8" if self.network == "loopback" else f"{self._prefix}.0/24"

    @property
    def hub_address(self) -> str:
        """In namespaces: where the commands of this package work."""
        return f"{self._prefix}.254"

    @property
    def pg(self) -> tuple[Host, ...]:
        return tuple(self._host(f"pg{i}", 10 + i) for i in (1, 2, 3))

    @property
    def etcd(self) -> tuple[Host, ...]:
        return tuple(self._host(f"etcd{i}", 20 + i) for i in ((1,) if self.small else (1, 2, 3)))

    @property
    def redis(self) -> tuple[Host, ...]:
        return tuple(self._host(f"redis{i}", 30 + i) for i in (1, 2, 3))

    @property
    def s3(self) -> Host:
        return self._host("s3", 41)

    @property
    def s3_ports(self) -> S3Ports:
        return S3Ports(self.block)

    @property
    def odoo(self) -> tuple[Host, ...]:
        return tuple(self._host(f"odoo{i}", 50 + i) for i in (1, 2))

    @property
    def balancer(self) -> Host:
        return self._host("haproxy", 100)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every startable node, in the order in which they start."""
        return (
            *(Node(h.name, "etcd", h, (ETCD_CLIENT_PORT, ETCD_PEER_PORT)) for h in self.etcd),
            *(Node(h.name, "redis", h, (REDIS_PORT,)) for h in self.redis),
            *(
                Node(h.name.replace("redis", "sentinel"), "sentinel", h, (SENTINEL_PORT,))
                for h in self.redis
            ),
            Node("s3", "s3", self.s3, (S3_PORT, *self.s3_ports.all)),
            Node("s3proxy", "s3proxy", self.s3, (S3_PROXY_PORT,)),
            *(Node(h.name, "pg", h, (PG_PORT, PATRONI_PORT)) for h in self.pg),
            *(
                Node(h.name.replace("odoo", "pgbouncer"), "pgbouncer", h, (PGBOUNCER_PORT,))
                for h in (self.odoo if self.pooler != "none" else ())
            ),
            *(Node(h.name.replace("odoo", "sidecar"), "sidecar", h, ()) for h in self.odoo),
            *(Node(h.name, "odoo", h, (ODOO_PORT, GEVENT_PORT)) for h in self.odoo),
            Node(
                "haproxy",
                "haproxy",
                self.balancer,
                (BALANCER_SUITE_PORT, BALANCER_STOCK_PORT, BALANCER_PG_PORT, BALANCER_STATS_PORT),
            ),
        )

    def node(self, name: str) -> Node:
        """The node of that name; KeyError names those that there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(f"no node {name!r}; there are {', '.join(n.name for n in self.nodes)}")

    # -- directories

    @property
    def directory(self) -> Path:
        return self.state_dir / self.name

    def node_dir(self, name: str) -> Path:
        return self.directory / "nodes" / name

    def data_dir(self, name: str) -> Path:
        return self.node_dir(name) / "data"

    def conf_dir(self, name: str) -> Path:
        return self.node_dir(name) / "conf"

    def run_dir(self, name: str) -> Path:
        return self.node_dir(name) / "run"

    def log_file(self, name: str) -> Path:
        return self.node_dir(name) / "log" / f"{name}.log"

    @property
    def secrets_dir(self) -> Path:
        return self.directory / "secrets"

    @property
    def shared_data_dir(self) -> Path:
        """Sessions and filestore of the stock variant, shared by both nodes as the guides have it."""
        return self.directory / "shared"

    def topology_path(self, odoo: str) -> Path:
        """The document that the sidecar beside this Odoo node publishes."""
        return self.run_dir(odoo.replace("odoo", "sidecar")) / "topology.json"

    # -- for clients

    def base_url(self, variant: Variant = "suite") -> str:
        port = BALANCER_SUITE_PORT if variant == "suite" else BALANCER_STOCK_PORT
        return f"http://{self.balancer.address}:{port}"

    @property
    def stats_url(self) -> str:
        return f"http://{self.balancer.address}:{BALANCER_STATS_PORT}/"

    def database(self, variant: Variant = "suite") -> str:
        return "odoo" if variant == "suite" else "odoo_stock"

    @property
    def etcd_urls(self) -> tuple[str, ...]:
        return tuple(f"http://{host.address}:{ETCD_CLIENT_PORT}" for host in self.etcd)

    @property
    def s3_url(self) -> str:
        """S3 itself."""
        return f"http://{self.s3.address}:{S3_PORT}"

    @property
    def s3_proxy_url(self) -> str:
        """S3 as Odoo reaches it: through what can make it slow or faulty."""
        return f"http://{self.s3.address}:{S3_PROXY_PORT}"
