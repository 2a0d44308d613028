"""What ha_failover knows, for those who show or judge it (health, dashboard)."""

import sys
from typing import Any

from odoo.addons.ha_base.settings import current

from .counters import Counters, counters
from .gate.budget import held_count
from .gate.slots import slots
from .settings import Settings
from .topology.watcher import watcher


def held_requests() -> int:
    """Requests of this node, over all of its processes, that wait for a writable database now."""
    return slots().taken(current(Settings).hold_limit)


def holding() -> bool:
    """Does this process hold work back, or would it hold a new transaction back?"""
    found = watcher().topology()
    return held_count() > 0 or (found is not None and not found.writable)


def counted() -> Counters:
    """What this process counted since it began."""
    return counters


def listening() -> bool | None:
    """Does this process hear the bus's notifications? None where nobody needs them yet."""
    bus = sys.modules.get("odoo.addons.bus.models.bus")
    dispatch = getattr(bus, "dispatch", None)
    if dispatch is None or not dispatch.is_alive():
        return None
    return bool(getattr(dispatch, "_ha_listens", False))


def topology() -> dict[str, Any] | None:
    """The fresh topology document, or None."""
    found = watcher().topology()
    return found.document if found else None
