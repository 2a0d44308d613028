"""What an operator may say about sessions in Redis. Pure: no connection, no Odoo."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from odoo.addons.ha_base.settings import parse, setting

_parse_url = parse.url("redis", "rediss", "unix")


def _url_without_password(text: str) -> str:
    """A Redis URL; a password has a setting of its own, which is never printed."""
    if urlsplit(text).password:
        raise ValueError(
            "a redis://, rediss:// or unix:// URL without a password: "
            "put the password into redis_password, or name its file with "
            "ODOO_HA_REDIS_PASSWORD_FILE"
        )
    return _parse_url(text)


def _prefix(text: str) -> str:
    """A key prefix; braces would change the hash slot, blanks and globs hurt in redis-cli."""
    if not text or any(char.isspace() or char in "{}*?[]\\" for char in text):
        raise ValueError("a short word without blanks, braces or wildcards, such as odoo")
    return text


@dataclass(frozen=True)
class Settings:
    """Sessions in Redis: one server by its URL, Sentinels that name the primary, or a Cluster."""

    redis_url: str | None = setting(
        None,
        _url_without_password,
        "One Redis server; unix:///run/redis/redis.sock names a local socket. Leave it out when "
        "Sentinels or a Cluster are given.",
        example="redis://10.0.0.31:6379/0",
    )
    redis_sentinels: tuple[tuple[str, int], ...] = setting(
        (),
        parse.host_ports,
        "Sentinels that know which Redis is the primary; name all of them.",
        example="10.0.0.31:26379,10.0.0.32:26379,10.0.0.33:26379",
    )
    redis_sentinel_service: str = setting(
        "mymaster",
        parse.text,
        "The name under which the Sentinels watch the Redis servers.",
    )
    redis_cluster: tuple[tuple[str, int], ...] = setting(
        (),
        parse.host_ports,
        "Nodes of a Redis Cluster; the others are learnt from them.",
        example="10.0.0.31:6379,10.0.0.32:6379,10.0.0.33:6379",
    )
    redis_database: int = setting(
        0,
        parse.integer(minimum=0),
        "Number of the Redis database; a number in redis_url goes before it. A Cluster has 0 only.",
    )
    redis_username: str | None = setting(None, parse.text, "ACL user on the Redis servers.")
    redis_password: str | None = setting(
        None, parse.text, "Password on the Redis servers.", secret=True
    )
    redis_sentinel_username: str | None = setting(None, parse.text, "ACL user on the Sentinels.")
    redis_sentinel_password: str | None = setting(
        None, parse.text, "Password on the Sentinels.", secret=True
    )
    redis_tls: bool = setting(
        False,
        parse.boolean,
        "Speak TLS with Redis and the Sentinels; a rediss:// URL switches it on by itself.",
    )
    redis_tls_ca: str | None = setting(
        None, parse.path, "CA certificates that sign the servers' certificates (PEM)."
    )
    redis_tls_certificate: str | None = setting(
        None, parse.path, "This client's certificate (PEM), where the servers ask for one."
    )
    redis_tls_key: str | None = setting(
        None, parse.path, "Private key of redis_tls_certificate (PEM)."
    )
    redis_prefix: str = setting(
        "odoo", _prefix, "What each key begins with; clusters that share a Redis need two prefixes."
    )
    redis_connect_timeout: float = setting(
        1.0, parse.seconds, "How long one connection attempt may take."
    )
    redis_timeout: float = setting(2.0, parse.seconds, "How long one answer of Redis may take.")
    redis_retry_budget: float = setting(
        10.0,
        parse.seconds,
        "How long requests go on trying when Redis goes away, counted from the first failure: "
        "longer than a Sentinel failover takes. Afterwards sessions are in PostgreSQL where the "
        "app is installed; elsewhere requests get 503 and Retry-After.",
    )
    session_anonymous_lifetime: float | None = setting(
        None,
        parse.seconds,
        "How long the session of a visitor who is not logged in is kept, such as 24h; a shop's "
        "carts are among them. Left out: as long as a user's, which the system parameter "
        "sessions.max_inactivity_seconds says.",
    )
