"""Every setting of the sidecar, declared once: name, default, parser, words for people."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from . import parse


def setting(default: Any, parser: parse.Parser, about: str, *, example: str | None = None) -> Any:
    """Declare one setting. ``default`` MISSING makes it required; ``example`` is TOML."""
    about_it = {"parse": parser, "about": about, "example": example}
    if default is MISSING:
        return field(metadata=about_it)
    return field(default=default, metadata=about_it)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The sidecar's settings. Secrets are never among them, only the files that hold them."""

    scope: str = setting(
        MISSING,
        parse.text,
        "Name of the Patroni cluster, Patroni's `scope`.",
        example='"odoo-cluster"',
    )
    namespace: str = setting("/service/", parse.namespace, "Patroni's `namespace` in etcd.")
    etcd_endpoints: tuple[str, ...] = setting(
        MISSING,
        parse.urls,
        "Client URLs of the etcd members; one that fails gives way to the next.",
        example='["http://10.0.0.1:2379", "http://10.0.0.2:2379"]',
    )
    etcd_username: str | None = setting(
        None, parse.text, "User name in etcd, when etcd asks for one."
    )
    etcd_password_file: Path | None = setting(
        None, parse.path, "File that holds that user's password."
    )
    etcd_ca: Path | None = setting(
        None, parse.path, "CA certificates that etcd's certificate is checked against."
    )
    etcd_cert: Path | None = setting(None, parse.path, "Client certificate for etcd.")
    etcd_key: Path | None = setting(None, parse.path, "Key of that client certificate.")
    etcd_timeout: float = setting(
        1.0, parse.seconds, "Longest wait for etcd to connect or to answer."
    )
    watch_idle_timeout: float = setting(
        1.0,
        parse.seconds,
        "A watch that is silent for so long is not trusted: all keys are read again.",
    )
    patroni_urls: tuple[str, ...] = setting(
        (),
        parse.urls,
        "Patroni REST APIs, asked while etcd is away.",
        example='["http://10.0.0.1:8008", "http://10.0.0.2:8008"]',
    )
    patroni_ca: Path | None = setting(
        None, parse.path, "CA certificates that Patroni's certificates are checked against."
    )
    patroni_username: str | None = setting(
        None,
        parse.text,
        "User name of Patroni's `restapi.authentication`; only `ha-sidecar switchover` needs it.",
    )
    patroni_password_file: Path | None = setting(
        None, parse.path, "File that holds that user's password."
    )
    patroni_timeout: float = setting(
        1.0, parse.seconds, "Longest wait for one Patroni to connect or to answer."
    )
    probe_user: str = setting(
        "ha_sidecar",
        parse.text,
        "PostgreSQL role of the probe; it needs to log in, and `pg_monitor` for replicas' lag.",
    )
    probe_password_file: Path | None = setting(
        None, parse.path, "File that holds that role's password; read anew at each connection."
    )
    probe_database: str = setting("postgres", parse.text, "Database that the probe connects to.")
    probe_sslmode: str = setting(
        "prefer",
        parse.choice("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
        "libpq's `sslmode` of the probe.",
    )
    probe_sslrootcert: Path | None = setting(
        None, parse.path, "libpq's `sslrootcert` of the probe."
    )
    probe_interval: float = setting(
        0.1,
        parse.seconds,
        "Time between two probes; a quarter of it while an elected member isn't proven yet.",
    )
    probe_timeout: float = setting(
        0.5, parse.seconds, "Longest wait for one probe, connecting included."
    )
    prove_timeout: float = setting(
        1.0,
        parse.seconds,
        "Age at which a proof is worth nothing: without a newer one the primary is `lost`.",
    )
    switching_timeout: float = setting(
        30.0,
        parse.seconds,
        "Longest `switching`: then `stable` if the primary still proves itself, else `lost`.",
    )
    topology_path: Path = setting(
        Path("/run/odoo-ha/topology.json"), parse.path, "Where the topology document is written."
    )
    socket_path: Path = setting(
        Path("/run/odoo-ha/sidecar.sock"), parse.path, "Unix socket of the API."
    )
    socket_mode: int = setting(
        0o660, parse.mode, "File mode of that socket: who may ask.", example='"0660"'
    )
    socket_clients: int = setting(
        128, parse.integer(1, 4096), "Most clients of the socket, and of `listen`, at one time."
    )
    socket_orders: tuple[str, ...] = setting(
        (),
        parse.choices("drain", "switchover"),
        "What whoever may open that socket may have done, such as Odoo for its administrators:"
        " `drain` and undrain this node, start a `switchover`.",
        example='["drain", "switchover"]',
    )
    pgbouncer_address: tuple[str, int] | None = setting(
        None,
        parse.address,
        "The PgBouncer beside this node, to be kept on the proven primary.",
        example='"127.0.0.1:6432"',
    )
    pgbouncer_user: str = setting(
        "ha_sidecar", parse.text, "User of its admin console, one of PgBouncer's `admin_users`."
    )
    pgbouncer_password_file: Path | None = setting(
        None, parse.path, "File that holds that user's password."
    )
    pgbouncer_databases_file: Path = setting(
        Path("/var/lib/ha-sidecar/pgbouncer-databases.ini"),
        parse.path,
        "Written with the primary's address; pgbouncer.ini has it by `%include`.",
    )
    pgbouncer_databases: tuple[str, ...] = setting(
        ("*", "postgres pool_mode=session"),
        parse.database_entries,
        "The databases in that file: a name (`*` for all others), then PgBouncer's options.",
    )
    pgbouncer_pause_limit: float = setting(
        30.0,
        parse.seconds,
        "Longest pause of PgBouncer while no primary is proven; its clients get errors after it.",
    )
    listen: tuple[str, int] | None = setting(
        None,
        parse.address,
        "TCP address of the same API, for who sends the token; needs `token_file`.",
        example='"10.0.0.5:8009"',
    )
    token_file: Path | None = setting(
        None, parse.path, "File that holds the token; read anew at each request."
    )
    odoo_url: str | None = setting(
        None,
        parse.url,
        "This node's Odoo, at its gevent port if it has one: asked for its health again and again,"
        " for `health_listen` and `agent_listen`.",
        example='"http://127.0.0.1:8072"',
    )
    odoo_token_file: Path | None = setting(
        None,
        parse.path,
        "File that holds Odoo's `health_token`: with it Odoo also tells of its free workers.",
    )
    odoo_interval: float = setting(1.0, parse.seconds, "Time between two such questions.")
    odoo_timeout: float = setting(1.0, parse.seconds, "Longest wait for Odoo's answer.")
    odoo_max_age: float = setting(
        5.0, parse.seconds, "Age at which Odoo's last answer is worth nothing: the node then fails."
    )
    health_listen: tuple[str, int] | None = setting(
        None,
        parse.address,
        "TCP address that answers `/web/health` for this node, without a token; needs `odoo_url`.",
        example='"10.0.0.5:8010"',
    )
    agent_listen: tuple[str, int] | None = setting(
        None,
        parse.address,
        "TCP address for HAProxy's agent check of this node; needs `odoo_url`.",
        example='"10.0.0.5:8011"',
    )
    drain_path: Path | None = setting(
        None,
        parse.path,
        "While this file exists the node is being drained (`ha-sidecar drain`)."
        " Left out: `drain` beside `topology_path`.",
    )
    state_dir: Path = setting(
        Path("/var/lib/ha-sidecar"),
        parse.path,
        "Where the epoch, the system identifier and the highest timeline are remembered.",
    )
    haproxy_sockets: tuple[str | tuple[str, int], ...] = setting(
        (),
        parse.sockets,
        "Admin sockets of the HAProxys whose PostgreSQL backend is kept on the proven primary.",
        example='["/run/haproxy/admin.sock", "tcp:127.0.0.1:9999"]',
    )
    haproxy_backend: str = setting(
        "postgres_primary", parse.word, "That backend's name; each of its servers needs `check`."
    )
    node_name: str | None = setting(
        None,
        parse.word,
        "This node's name in alerts; each node needs its own. Left out: the host's name.",
        example='"odoo1"',
    )
    alert_urls_file: Path | None = setting(
        None,
        parse.path,
        "File with the URLs that alerts are sent to, one a line, as apprise has them. They hold"
        " passwords: readable to the sidecar's user alone.",
    )
    certificates: tuple[str, ...] = setting(
        (),
        parse.certificates,
        "Certificates to watch besides those of the settings above: files, what a server presents"
        " (`host:port`), what PostgreSQL does (`postgresql://host:port`).",
        example='["/etc/haproxy/site.pem", "10.0.0.31:6380", "postgresql://10.0.0.11:5432"]',
    )
    certificate_interval: float = setting(
        60.0, parse.seconds, "Time between two looks at all certificates."
    )
    log_level: str = setting(
        "info", parse.choice("debug", "info", "warning", "error"), "Least level that is logged."
    )
    log_format: str = setting(
        "auto", parse.choice("auto", "human", "json"),
        "`auto`: for people on a terminal, JSON lines otherwise.")  # fmt: skip


DECLARED: dict[str, Field[Any]] = {each.name: each for each in fields(Settings)}


def is_required(name: str) -> bool:
    return DECLARED[name].default is MISSING
