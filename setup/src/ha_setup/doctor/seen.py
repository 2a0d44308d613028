"""What was seen of a cluster, as the checks judge it: immutable, without any secret. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Unseen:
    """What could not be looked at, and the reason for people. It is never taken for well."""

    reason: str


@dataclass(frozen=True)
class Postgresql:
    """One server: `settings` as SHOW has them, without units in PostgreSQL's base unit of each."""

    version: int
    primary: bool
    settings: Mapping[str, str]
    #: On the primary: name → sync_state of each replica that streams.
    replicas: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """One member as Patroni's `/cluster` lists it."""

    name: str
    role: str
    state: str
    timeline: int | None
    lag: int | None
    tags: Mapping[str, Any] = field(default_factory=dict)
    #: Where its PostgreSQL listens.
    address: str = ""
    port: int = 0


@dataclass(frozen=True)
class Patroni:
    """One Patroni's own view."""

    version: str
    members: Sequence[Member]
    config: Mapping[str, Any]
    paused: bool = False


@dataclass(frozen=True)
class Etcd:
    version: str
    healthy: bool


@dataclass(frozen=True)
class Redis:
    """One server: `info` of INFO, `config` of CONFIG GET."""

    info: Mapping[str, str]
    config: Mapping[str, str]


@dataclass(frozen=True)
class Sentinel:
    """One Sentinel's view of the watched service. `quorum` is its answer to CKQUORUM."""

    version: str
    primary: str
    master: Mapping[str, str]
    quorum: str


@dataclass(frozen=True)
class Bucket:
    """What the credentials may do: right → None, or the refusal. `versioning` is S3's own word."""

    rights: Mapping[str, str | None]
    versioning: str | Unseen
    expires_old_versions: bool | Unseen = False


@dataclass(frozen=True)
class PgBouncer:
    """One pooler's console: SHOW CONFIG, and each database's pool mode."""

    version: str
    config: Mapping[str, str]
    pool_modes: Mapping[str, str]


@dataclass(frozen=True)
class FileSeen:
    """A file's permissions; `error` instead when it could not be looked at. `closed`: a directory on the
    way keeps others out."""

    mode: int = 0
    owner: str = ""
    closed: bool = False
    error: str = ""


@dataclass(frozen=True)
class Disk:
    path: str
    total: int
    free: int


@dataclass(frozen=True)
class OdooNode:
    """One node's odoo.conf and process. Secrets in it are digests, the same for the same secret."""

    file: str
    options: Mapping[str, str]
    ha: Mapping[str, str]
    #: PG* variables of the running process; None when none was found or it may not be read.
    environment: Mapping[str, str] | None
    #: How long before the file's last change the process was started, in seconds, if it was.
    stale: float = 0.0
    #: Path asked of its own ports → (status, body); an error's text as body with status 0.
    answers: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    #: The sidecar's document and its age in seconds.
    topology: Mapping[str, Any] | Unseen = Unseen("no document was asked for")
    topology_age: float = 0.0


@dataclass(frozen=True)
class Certificate:
    """`left` is how long it is good, in seconds."""

    left: float
    names: Sequence[str] = ()


@dataclass(frozen=True)
class OdooDatabase:
    """What stands in Odoo's own database."""

    apps: Sequence[str]
    #: The pools of active scheduled actions.
    pools: Sequence[str]
    #: Pool → holder of its lease that still runs.
    leases: Mapping[str, str]


@dataclass(frozen=True)
class Observation:
    """Everything at once. A part that the cluster doesn't have is an empty mapping or None; one that
    is unknown to the doctor stands in `absent`, with what would tell it."""

    rpo: int | None
    request_timeout: float | None = None
    postgresql: Mapping[str, Postgresql | Unseen] = field(default_factory=dict)
    patroni: Mapping[str, Patroni | Unseen] = field(default_factory=dict)
    etcd: Mapping[str, Etcd | Unseen] = field(default_factory=dict)
    redis: Mapping[str, Redis | Unseen] = field(default_factory=dict)
    sentinels: Mapping[str, Sentinel | Unseen] = field(default_factory=dict)
    bucket: Bucket | Unseen | None = None
    poolers: Mapping[str, PgBouncer | Unseen] = field(default_factory=dict)
    odoo: Mapping[str, OdooNode | Unseen] = field(default_factory=dict)
    #: Balancer → the text of its configuration.
    balancers: Mapping[str, str | Unseen] = field(default_factory=dict)
    database: OdooDatabase | Unseen = Unseen("it was not asked")
    #: "host: path" → the secret's file.
    secrets: Mapping[str, FileSeen | Unseen] = field(default_factory=dict)
    disks: Mapping[str, Disk | Unseen] = field(default_factory=dict)
    certificates: Mapping[str, Certificate | Unseen] = field(default_factory=dict)
    #: Part → how far its clock is ahead of this machine's, in seconds.
    clocks: Mapping[str, float | Unseen] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    #: Only one Odoo node was to be looked at, of maybe several.
    one_node: bool = False
