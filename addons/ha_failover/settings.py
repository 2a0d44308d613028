"""Settings of ha_failover. Pure."""

from dataclasses import dataclass

from odoo.addons.ha_base.settings import parse, setting


@dataclass(frozen=True)
class Settings:
    """How this node follows the database's primary and how long it holds requests."""

    topology_path: str = setting(
        "/run/odoo-ha/topology.json",
        parse.path,
        "Where the sidecar of this node publishes the topology document. Without a fresh "
        "document Odoo falls back to libpq's search over the hosts in db_host.",
    )
    topology_max_age: float = setting(
        10.0,
        parse.seconds,
        "A topology document older than this many seconds counts as absent.",
    )
    topology_poll_interval: float = setting(
        0.03,
        parse.seconds,
        "How often, in seconds, each process looks whether the topology document changed.",
    )
    hold_timeout: float = setting(
        60.0,
        parse.seconds,
        "How long, in seconds, a request waits for a writable database before it is answered "
        "503 with Retry-After. limit_time_real must be longer.",
    )
    database_route: str = setting(
        "primary",
        parse.choice("primary", "pooler"),
        "`primary`: connections go straight to the proven primary. `pooler`: they go to `db_host`, "
        "a PgBouncer that the sidecar keeps on the primary, and prove that they reached it.",
    )
    hold_limit: int = setting(
        200,
        parse.integer(1, 10_000),
        "How many requests of this node may wait for a writable database at once, over all of its "
        "processes; one more is answered 503 with Retry-After at once. With workers, a node never "
        "holds more than it has workers: a limit below that keeps some free. Without, every "
        "waiting request has a thread. Websockets that are open don't count.",
    )
    database_connect_timeout: int = setting(
        2,
        parse.integer(2, 60),
        "Seconds after which one attempt to connect to PostgreSQL is given up (per host).",
    )
    database_tcp_user_timeout: float = setting(
        10.0,
        parse.seconds,
        "Seconds that sent data may stay unacknowledged before a connection counts as dead.",
    )
    database_keepalive_idle: int = setting(
        5,
        parse.integer(1, 7200),
        "Seconds of silence after which TCP keepalives are sent on a database connection.",
    )
    request_id_header: str | None = setting(
        None,
        parse.text,
        "Header in which the balancer gives each request an id of its own, and which it keeps when "
        "it sends a request again because a node died. A request that was saved is then not done "
        "again, but answered as it was. The balancer must overwrite what clients send in it, and "
        "each database must have the app ha_failover.",
        example="X-Request-ID",
    )
    commit_markers: bool = setting(
        True,
        parse.boolean,
        "Write a marker row with each writing transaction, so that a COMMIT whose answer was "
        "lost can be resolved. Needs the app ha_failover installed in the database.",
    )
