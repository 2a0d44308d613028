"""Every setting of an inventory, declared once: name, kind, default, words for people. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ha_setup.inventory import kinds
from ha_setup.inventory.kinds import choices, whole

Role = Literal["odoo", "postgresql", "etcd", "redis", "sentinel", "balancer"]
Replication = Literal["synchronous", "quorum", "asynchronous"]
Watchdog = Literal["required", "automatic", "none"]
Pooler = Literal["none", "session", "transaction"]
Balancing = Literal["haproxy", "nginx", "traefik"]
Addressing = Literal["auto", "path", "virtual"]


class Section(BaseModel):
    """A part of the inventory. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Host(Section):
    """One machine. Several roles may share one, such as `[postgresql, etcd]` or `[redis, sentinel]`."""

    address: kinds.Address = Field(
        description="Its IPv4 address, which the other hosts reach.", examples=["10.0.0.11"]
    )
    roles: list[Annotated[Role, choices(Role)]] = Field(
        description="What runs there: `odoo` (with its sidecar), `postgresql` (with Patroni),"
        " `etcd`, `redis`, `sentinel`, `balancer`.",
        examples=["[postgresql, etcd]"],
    )
    cpus: Annotated[int, whole(1, 1024)] = Field(2, description="Its processors.")
    memory: kinds.Size = Field(
        4 << 30,
        description="Its memory; PostgreSQL is given a quarter as `shared_buffers`, Redis a half"
        " as `maxmemory`.",
        examples=["4GB"],
    )
    workers: Annotated[int, whole(1, 512)] | None = Field(
        None,
        description="Odoo's HTTP workers there; HAProxy sends it as many requests at a time."
        " Left out: twice the processors and one.",
    )
    interface: kinds.Interface | None = Field(
        None, description="On a balancer: the interface that takes the virtual address.",
        examples=["eth0"],
    )  # fmt: skip


class Odoo(Section):
    """Odoo, the same on each of its hosts."""

    database: kinds.Word = Field(description="The database's name.", examples=["production"])
    command: kinds.FilePath = Field("/usr/bin/odoo", description="The program that starts Odoo 19.")
    user: kinds.Word = Field("odoo", description="The system's user that Odoo runs as.")
    addons_path: list[kinds.FilePath] = Field(
        ["/opt/odoo-ha/addons"],
        description="Directories with addons: the suite's, then your own. Odoo's own are found"
        " without.",
        examples=["[/opt/odoo-ha/addons]"],
    )
    data_dir: kinds.FilePath = Field(
        "/var/lib/odoo", description="What Odoo keeps on the host's own disk."
    )
    cron_threads: Annotated[int, whole(0, 64)] = Field(
        1, description="Processes for scheduled actions; one host at a time uses its own."
    )
    hold_timeout: kinds.Duration = Field(
        60.0,
        description="How long a request waits for a writable database before it is answered 503.",
        examples=["60s"],
    )
    limit_time_real: kinds.Duration = Field(
        180.0, description="After how long a request's worker is ended.", examples=["180s"]
    )
    pooler: Annotated[Pooler, choices(Pooler)] = Field(
        "none",
        description="A PgBouncer beside each Odoo node, pooling by `session` or `transaction`.",
    )


class Postgresql(Section):
    """PostgreSQL under Patroni."""

    version: Annotated[int, whole(13, 18)] = Field(15, description="Its major version.")
    rpo: kinds.Rpo = Field(
        0,
        description="What a crash may cost: `0` for no acknowledged write, or a size, the lag up to"
        " which a replica may be promoted.",
    )
    replication: Annotated[Replication, choices(Replication)] = Field(
        "synchronous",
        description="`synchronous` and `quorum` wait for a replica at each COMMIT; `asynchronous`"
        " doesn't, and can't have an RPO of 0.",
    )
    strict: kinds.Flag = Field(
        False,
        description="Refuse writes while no replica is there to confirm them. Without it the"
        " primary goes on alone, and its disk holds the only copy.",
    )
    watchdog: Annotated[Watchdog, choices(Watchdog)] = Field(
        "automatic",
        description="A watchdog resets a host whose Patroni hangs: used if there is one"
        " (`automatic`), a condition for being primary (`required`), or `none`.",
    )
    data_dir: kinds.FilePath = Field(
        "/var/lib/postgresql/patroni", description="Where its data lies."
    )
    log_dir: kinds.FilePath = Field("/var/log/postgresql", description="Where its log files lie.")


class Redis(Section):
    """Redis with its Sentinels, for sessions."""

    service: kinds.Word = Field(
        "odoo-ha", description="The name under which the Sentinels watch it."
    )


class S3(Section):
    """The S3 store for attachments. Make it itself, and its bucket, beforehand."""

    bucket: kinds.Bucket = Field(description="The bucket.", examples=["odoo-attachments"])
    endpoint: kinds.Url | None = Field(
        None, description="Its address; left out for Amazon.", examples=["https://s3.example.com"]
    )
    region: kinds.Word = Field("us-east-1", description="Its region.")
    access_key: kinds.Key | None = Field(
        None, description="Access key; left out where roles give the credentials."
    )
    addressing_style: Annotated[Addressing, choices(Addressing)] = Field(
        "auto",
        description="How the bucket is put into addresses; most stores of one's own: `path`.",
    )


class Balancer(Section):
    """What stands before the Odoo nodes."""

    software: Annotated[Balancing, choices(Balancing)] = Field(
        "haproxy",
        description="HAProxy checks nodes actively, lets requests queue, and sends those of a dead"
        " node again. nginx has neither queue nor active checks; Traefik sends nothing again.",
    )
    domain: kinds.Domain | None = Field(
        None,
        description="The name that users type; any if left out. Traefik needs it.",
        examples=["odoo.example.com"],
    )
    virtual_address: kinds.VirtualAddress | None = Field(
        None,
        description="An address that keepalived moves between the balancers. Left out where"
        " something else does that.",
        examples=["10.0.0.100/24"],
    )
    router_id: Annotated[int, whole(1, 255)] = Field(
        51, description="VRRP's number of that address, one of its own in the network."
    )
    request_timeout: kinds.Duration = Field(
        150.0, description="How long an answer of Odoo may take.", examples=["150s"]
    )
    queue_timeout: kinds.Duration = Field(
        90.0,
        description="How long a request may wait for a free worker; not with nginx and Traefik.",
        examples=["90s"],
    )
    clients: list[kinds.Network] = Field(
        ["0.0.0.0/0"], description="Networks whose hosts may come in."
    )
    postgresql_clients: list[kinds.Network] = Field(
        [],
        description="Networks whose hosts may reach PostgreSQL through HAProxy: the primary on"
        " port 5000, the replicas on 5001. None: these ports aren't opened. Odoo needs neither.",
        examples=["[10.0.1.0/24]"],
    )


class Tls(Section):
    """TLS between users and the balancer. Between the hosts nothing is encrypted: use a private network."""

    certificate: kinds.FilePath = Field(
        description="On the balancers: a PEM file with the certificate, its chain and its key.",
        examples=["/etc/odoo-ha/tls/odoo.pem"],
    )


class Secrets(Section):
    """Files on the hosts, owned by root and open to nobody else, that hold one secret each."""

    postgres_superuser: kinds.SecretFile = Field(
        "/etc/odoo-ha/secrets/postgres-superuser", description="Password of role `postgres`."
    )
    postgres_replication: kinds.SecretFile = Field(
        "/etc/odoo-ha/secrets/postgres-replication", description="Password of role `replicator`."
    )
    postgres_rewind: kinds.SecretFile = Field(
        "/etc/odoo-ha/secrets/postgres-rewind", description="Password of role `rewinder`."
    )
    patroni_api: kinds.SecretFile = Field(
        "/etc/odoo-ha/secrets/patroni-api",
        description="Password of `patroni` on Patroni's REST API.",
    )
    odoo_database: kinds.SecretFile = Field(
        "/etc/odoo-ha/secrets/odoo-database", description="Password of role `odoo`."
    )
    odoo_master: kinds.SecretFile = Field(
        "/etc/odoo-ha/secrets/odoo-master", description="Odoo's `admin_passwd`."
    )
    probe: kinds.SecretFile = Field(
        "/etc/odoo-ha/secrets/probe",
        description="Password of role `ha_sidecar`, on PgBouncer's console too.",
    )
    redis: kinds.SecretFile = Field(
        "/etc/odoo-ha/secrets/redis", description="Password of Redis and the Sentinels."
    )
    s3_secret_key: kinds.SecretFile = Field(
        "/etc/odoo-ha/secrets/s3-secret-key", description="Secret key of `s3.access_key`."
    )


class Firewall(Section):
    """Each host lets in what its roles need, from the hosts that need it, and SSH."""

    enabled: kinds.Flag = Field(True, description="Whether rules are written.")
    ssh_from: list[kinds.Network] = Field(
        ["0.0.0.0/0"], description="Networks from which port 22 may be reached."
    )


class Inventory(Section):
    """A cluster."""

    cluster: kinds.Word = Field(
        description="Its name: Patroni's `scope`, and what its keys in etcd begin with.",
        examples=["odoo-cluster"],
    )
    hosts: dict[kinds.HostName, Host] = Field(description="The hosts, each by its name.")
    odoo: Odoo
    s3: S3
    postgresql: Postgresql = Postgresql.model_validate({})
    redis: Redis = Redis.model_validate({})
    balancer: Balancer = Balancer.model_validate({})
    tls: Tls | None = None
    secrets: Secrets = Secrets.model_validate({})
    firewall: Firewall = Firewall.model_validate({})

    def with_role(self, *roles: Role) -> dict[str, Host]:
        """The hosts that have one of these roles, in the order of the file."""
        return {n: h for n, h in self.hosts.items() if set(roles) & set(h.roles)}

    def addresses(self, *roles: Role) -> list[str]:
        return [host.address for host in self.with_role(*roles).values()]


def workers(host: Host) -> int:
    """Odoo's HTTP workers on `host`."""
    return host.workers or 2 * host.cpus + 1
