"""What the doctor is to look at, and with which credentials. Pure; made by `places`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Server:
    name: str
    address: str
    port: int


@dataclass(frozen=True)
class Login:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class HostPlace:
    """One host, and what to ask it. `through` are the words before `python3 -` that run it there;
    none for this machine. `unseen` is set instead where there is no way to it."""

    name: str
    through: tuple[str, ...] = ()
    unseen: str = ""
    configs: tuple[str, ...] = ()
    topology: str = ""
    secrets: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()
    balancer: str = ""
    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class S3Place:
    bucket: str
    endpoint: str | None
    region: str | None
    addressing_style: str
    login: Login | None


@dataclass(frozen=True)
class TlsPlace:
    """Where a certificate is shown; `server_name` is what clients ask for."""

    name: str
    address: str
    port: int
    server_name: str


@dataclass(frozen=True)
class Target:
    """A cluster to look at. `rpo` in bytes, None where nobody stated it."""

    title: str
    rpo: int | None
    request_timeout: float | None = None
    postgresql: tuple[Server, ...] = ()
    monitor: Login | None = None
    database: str = ""
    odoo_login: Login | None = None
    sslmode: str = "prefer"
    patroni: tuple[tuple[str, str], ...] = ()
    etcd: tuple[tuple[str, str], ...] = ()
    redis: tuple[Server, ...] = ()
    sentinels: tuple[Server, ...] = ()
    redis_service: str = ""
    redis_password: str = field(default="", repr=False)
    sentinel_password: str = field(default="", repr=False)
    s3: S3Place | None = None
    poolers: tuple[Server, ...] = ()
    pooler_login: Login | None = None
    hosts: tuple[HostPlace, ...] = ()
    certificates: tuple[TlsPlace, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    #: Only one Odoo node was to be looked at, of maybe several.
    one_node: bool = False
