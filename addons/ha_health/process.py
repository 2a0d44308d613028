"""The process-level part of ha_health, activated by ha_base on each node."""

import os
import threading
from typing import Any

from odoo.addons.ha_base.patches import apply
from odoo.addons.ha_base.settings import SettingsError, current

from .sampler import Sampler
from .settings import Settings

_sampler: Sampler | None = None
_lock = threading.Lock()

try:
    from odoo.addons.ha_failover import status as failover
    from odoo.addons.ha_failover.settings import Settings as FailoverSettings
except ModuleNotFoundError:  # works without it: then nothing is held
    failover = None

try:
    from odoo.addons.ha_session_redis import status as sessions
except ModuleNotFoundError:
    sessions = None


def activate(settings: Settings) -> None:
    """Patch the WSGI application; connects nowhere."""
    from .patches import application

    if settings.health_max_age <= settings.health_interval + settings.health_timeout:
        raise SettingsError(
            f"health_max_age = {settings.health_max_age:g} must be above health_interval + "
            f"health_timeout = {settings.health_interval + settings.health_timeout:g}, or a "
            "healthy node would fail now and then"
        )
    apply(application.PATCH)


def sampler() -> Sampler:
    """The sampler of this process, started at the first call after the fork."""
    global _sampler
    found = _sampler
    if found is not None and found.pid == os.getpid():
        return found
    with _lock:
        if _sampler is None or _sampler.pid != os.getpid():
            new = Sampler(current(Settings), _topology)
            new.start()
            _sampler = new
        return _sampler


def held() -> tuple[float | None, int]:
    """(hold budget in seconds or None, requests that wait now)."""
    if failover is None:
        return None, 0
    return current(FailoverSettings).hold_timeout, failover.held_requests()


def session_store() -> dict[str, Any] | None:
    """What ha_session_redis counts in this process; None without it, or with sessions in files."""
    counted: dict[str, Any] | None = sessions.session_store() if sessions is not None else None
    return counted if counted and counted["state"] != "none" else None


def _topology() -> dict[str, Any] | None:
    return failover.topology() if failover is not None else None
