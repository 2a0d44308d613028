"""The process-level part: Odoo's session store becomes Redis, server-wide."""

from importlib.util import find_spec

from odoo.addons.ha_base.patches import apply
from odoo.addons.ha_base.settings import SettingsError

from .settings import Settings


def activate(settings: Settings) -> None:
    """Patch the session store when Redis is configured; nothing is connected to yet.

    :raises SettingsError: when the settings contradict each other or redis-py is missing
    """
    given = [
        name
        for name in ("redis_url", "redis_sentinels", "redis_cluster")
        if getattr(settings, name)
    ]
    if not given:
        return
    if len(given) > 1:
        raise SettingsError(
            f"{' and '.join(given)} exclude each other: keep redis_sentinels when Sentinels watch "
            "your Redis servers, redis_cluster for a Redis Cluster, else redis_url"
        )
    if settings.redis_cluster and settings.redis_database:
        raise SettingsError("redis_database must be 0 with redis_cluster: a Cluster has no other")
    if bool(settings.redis_tls_certificate) != bool(settings.redis_tls_key):
        raise SettingsError("redis_tls_certificate and redis_tls_key are needed together")
    if find_spec("redis") is None:
        raise SettingsError(
            f"{given[0]} is set, but this Odoo's Python lacks the package redis: pip install redis"
        )
    from .patches import session_store, static_files

    apply(session_store.PATCH, static_files.PATCH)
