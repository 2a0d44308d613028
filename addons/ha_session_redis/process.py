"""The process-level part: Odoo's session store becomes Redis, server-wide."""

from importlib.util import find_spec

from odoo.addons.ha_base.patches import apply
from odoo.addons.ha_base.settings import SettingsError

from .settings import Settings


def activate(settings: Settings) -> None:
    """Patch the session store when Redis is configured; nothing is connected to yet.

    :raises SettingsError: when the settings contradict each other or redis-py is missing
    """
    if not settings.redis_url and not settings.redis_sentinels:
        return
    if settings.redis_url and settings.redis_sentinels:
        raise SettingsError(
            "redis_url and redis_sentinels exclude each other: keep redis_sentinels when "
            "Sentinels watch your Redis servers, else redis_url"
        )
    if bool(settings.redis_tls_certificate) != bool(settings.redis_tls_key):
        raise SettingsError("redis_tls_certificate and redis_tls_key are needed together")
    if find_spec("redis") is None:
        raise SettingsError(
            "redis_url or redis_sentinels is set, but this Odoo's Python lacks the package "
            "redis: pip install redis"
        )
    from .patches import session_store, static_files

    apply(session_store.PATCH, static_files.PATCH)
