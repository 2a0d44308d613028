"""Caches that may hold what a former primary said. Pure.

Odoo's signaling compares sequences. After a failover that lost transactions they may be equal
though the data is not. So each process clears its own caches, once per registry and change.
"""

from typing import Any

_generation = 0


def distrust() -> None:
    """What was read until now may never have been, on the present primary."""
    global _generation  # noqa: PLW0603 (one per process is the point)
    _generation += 1


def trusted(registry: Any) -> bool:
    """Was the registry's cache cleared since? From this call on it counts as cleared."""
    before = getattr(registry, "_ha_generation", 0)
    registry._ha_generation = _generation
    return bool(before == _generation)
