"""The process-level part of ha_health, activated by ha_base on each node."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import odoo
from odoo import sql_db
from odoo.addons.ha_base.patches import apply
from odoo.addons.ha_base.settings import SettingsError, current
from odoo.addons.ha_base.side_connection import servers
from odoo.tools import config

from . import busy, facts, metrics
from .facts import FailoverSettings, failover
from .farewell import Farewell
from .sampler import Sampler, Samplers
from .settings import Settings

_samplers: Samplers | None = None
_lock = threading.Lock()
_busy: busy.Busy | None = None


def activate(settings: Settings) -> None:
    """Patch the WSGI application and the workers; connects nowhere."""
    global _busy
    from .patches import application, worker_start

    if settings.health_max_age <= settings.health_interval + settings.health_timeout:
        raise SettingsError(
            f"health_max_age = {settings.health_max_age:g} must be above health_interval + "
            f"health_timeout = {settings.health_interval + settings.health_timeout:g}, or a "
            "healthy node would fail now and then"
        )
    _busy = busy.share()
    if settings.health_token:
        metrics.prepare()
    apply(application.PATCH, worker_start.PATCH)


def samplers() -> Samplers:
    """The samplers of this process, started at the first call after the fork."""
    global _samplers
    found = _samplers
    if found is not None and found.pid == os.getpid():
        return found
    with _lock:
        if _samplers is None or _samplers.pid != os.getpid():
            settings = current(Settings)
            main = Sampler(settings, _primaries, _topology, _observer(Farewell()))
            replica = Sampler(settings, _replicas, _topology) if _replicas(None) else None
            for one in (main, replica):
                if one is not None:
                    one.start()
            _samplers = Samplers(os.getpid(), main, replica)
        return _samplers


def _observer(farewell: Farewell) -> Callable[[], facts.Facts]:
    def observe() -> facts.Facts:
        found = facts.observe(node_busy())
        farewell.look("node:draining" in found, time.monotonic())
        return found

    return observe


def node_busy() -> busy.Busy:
    """The node's table of busy workers."""
    assert _busy is not None
    return _busy


def is_worker() -> bool:
    """Is this a process that has one request at a time?"""
    return bool(config["workers"]) and not getattr(odoo, "evented", False)


def hold_budget() -> float | None:
    """Seconds for which requests wait for a database; None where they don't."""
    return current(FailoverSettings).hold_timeout if failover is not None else None


def held_requests() -> int:
    """How many wait now. It costs a system call for each that may (hold_limit)."""
    return failover.held_requests() if failover is not None else 0


def _topology() -> dict[str, Any] | None:
    return failover.topology() if failover is not None else None


def _primaries(topology: dict[str, Any] | None) -> tuple[dict[str, Any], ...]:
    return servers(_connection(readonly=False), topology)


def _replicas(_topology: dict[str, Any] | None) -> tuple[dict[str, Any], ...]:
    if not config.get("db_replica_host"):
        return ()
    return servers(_connection(readonly=True), None)


def _connection(*, readonly: bool) -> dict[str, Any]:
    database = (config["db_name"] or ["postgres"])[0]
    found: dict[str, Any] = sql_db.connection_info_for(database, readonly=readonly)[1]
    return found
