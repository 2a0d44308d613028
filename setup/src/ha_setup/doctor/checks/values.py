"""Reads settings as their programs do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ha_setup.doctor.seen import Observation, OdooNode, Unseen

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def seconds(text: object, default: float) -> float:
    """A duration of the suite's settings: `60`, `500ms`, `1m`; the default where it is none."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", str(text).strip().lower())
    return float(found[1]) * _SECONDS[found[2] or ""] if found else default


def number(values: Mapping[str, object], name: str, default: float) -> float:
    """A number of a mapping of texts; the default where it isn't there or is none."""
    try:
        return float(str(values[name]))
    except (KeyError, ValueError):
        return default


def truth(text: object) -> bool:
    """A switch as odoo.conf writes it."""
    return str(text).strip().lower() in ("1", "true", "yes", "on", "t")


def release(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: `3.4.23` → (3, 4, 23)."""
    found = re.search(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def hold_timeout(seen: Observation) -> float:
    """The shortest hold of any node, in seconds."""
    nodes = [n for n in seen.odoo.values() if not isinstance(n, Unseen)]
    return min((seconds(n.ha.get("hold_timeout", ""), 60.0) for n in nodes), default=60.0)


def processes(node: OdooNode) -> int:
    """How many processes of a node use the database: workers, cron, gevent, master and the like."""
    workers = int(number(node.options, "workers", 0))
    cron = int(number(node.options, "max_cron_threads", 2))
    return workers + cron + 4
