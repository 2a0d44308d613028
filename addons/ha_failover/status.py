"""What ha_failover knows, for those who show or judge it (health, dashboard)."""

from typing import Any

from odoo.addons.ha_base.settings import current

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


def topology() -> dict[str, Any] | None:
    """The fresh topology document, or None."""
    found = watcher().topology()
    return found.document if found else None
