"""What ha_failover knows, for those who show or judge it (health, dashboard)."""

from typing import Any

from .gate.budget import held_count
from .topology.watcher import watcher


def held_requests() -> int:
    """Units of work of this process that wait for a writable database now."""
    return held_count()


def holding() -> bool:
    """Does this process hold work back, or would it hold a new transaction back?"""
    found = watcher().topology()
    return held_count() > 0 or (found is not None and not found.writable)


def topology() -> dict[str, Any] | None:
    """The fresh topology document, or None."""
    found = watcher().topology()
    return found.document if found else None
