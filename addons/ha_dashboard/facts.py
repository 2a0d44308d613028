"""What this node knows of itself and, through its sidecar, of the cluster. Never the database."""

import os
import threading
import time
from typing import Any

from odoo import release
from odoo.addons.ha_attachment_s3.settings import Settings as AttachmentSettings
from odoo.addons.ha_base.node import node_id
from odoo.addons.ha_base.settings import current
from odoo.addons.ha_failover import status as failover
from odoo.addons.ha_health import facts as health
from odoo.addons.ha_health import process as health_process
from odoo.modules.module import get_manifest
from odoo.tools import config

from . import sidecar
from .missing import Seen, missing

#: Seconds for which what was gathered is given again: many may look at once.
_FRESH = 0.5
#: Outages of the sidecar's history that are told on.
_OUTAGES = 10

_lock = threading.Lock()
_last: tuple[float, int, dict[str, Any]] | None = None


def is_active() -> bool:
    """Is the suite active on this node?"""
    return "ha_base" in config["server_wide_modules"]


def gather() -> dict[str, Any]:
    """This node's facts; within ``sidecar.PATIENCE`` seconds."""
    global _last
    with _lock:
        if _last and _last[1] == os.getpid() and time.monotonic() - _last[0] < _FRESH:
            return _last[2]
        found = _gather()
        _last = (time.monotonic(), os.getpid(), found)
        return found


def _gather() -> dict[str, Any]:
    own: dict[str, Any] = {
        "node": node_id(),
        "at": round(time.time(), 3),
        "versions": {"odoo": release.version, "suite": _suite_version()},
    }
    if not is_active():
        return {**own, "missing": missing(Seen(active=False))}
    away, pages = None, {}
    try:
        pages = sidecar.known()
    except sidecar.SidecarAway as error:
        away = (error.key, str(error))
    orders = pages.get("orders") or {}
    seen = Seen(
        active=True,
        sidecar=away,
        orders=tuple(orders.get("allowed", ())),
        redis=_sessions()["state"] != "none",
        s3=bool(current(AttachmentSettings).s3_bucket),
    )
    return {
        **own,
        "missing": missing(seen),
        "held": failover.held_requests(),
        "health": _health(),
        "sessions": _sessions(),
        "s3": _s3(),
        "sidecar": {
            "version": (pages.get("status") or {}).get("version"),
            "topology": (pages.get("status") or {}).get("topology") or failover.topology(),
            "node": (pages.get("status") or {}).get("node"),
            "answers": away is None,
            "orders": orders,
            "alerts": pages.get("alerts"),
            **_history(pages.get("history")),
        },
    }


def _history(page: dict[str, Any] | None) -> dict[str, Any]:
    if page is None:
        return {"outages": [], "lag": None}
    lag = page["lag"]
    bytes_ = {name: samples["bytes"] for name, samples in lag["replicas"].items()}
    seconds = {name: samples["seconds"] for name, samples in lag["replicas"].items()}
    return {
        "outages": page["outages"][-_OUTAGES:],
        "lag": {"every_seconds": lag["every_seconds"], "bytes": bytes_, "seconds": seconds},
    }


def _health() -> dict[str, Any]:
    """What ha_health saw last, by the check's name."""
    observed, _at = health_process.samplers().main.observed
    look = health_process.samplers().main.memory.look
    found = {name: fact.value for name, fact in observed.items()}
    return {**found, "role": look.role if look else None}


def _sessions() -> dict[str, Any]:
    """Of the process that gathers: others may have noticed an outage earlier."""
    if health.sessions is None:
        return {"state": "none"}
    counted = health.sessions.session_store()
    return {"state": counted["state"], "degraded_seconds": round(counted["degraded_seconds"], 1)}


def _s3() -> dict[str, Any] | None:
    if not current(AttachmentSettings).s3_bucket:
        return None
    counted = health.attachments.object_store()
    return {"away": counted["away"], "errors": counted["errors"], "unsent": counted["unsent"]}


def _suite_version() -> str:
    return str(get_manifest("ha_base").get("version", ""))
