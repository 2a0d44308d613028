"""Settings of ha_cron_leader. Pure."""

import re
from dataclasses import dataclass

from odoo.addons.ha_base.settings import parse, setting

SHORTEST_LEASE = 3.0
_POOL = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.IGNORECASE)


def lease(value: str) -> float:
    """The length of a lease: long enough for three tries to renew it."""
    wanted = f"a duration of {SHORTEST_LEASE:g} seconds or more, such as 15s"
    try:
        seconds = parse.seconds(value)
    except ValueError:
        raise ValueError(wanted) from None
    if seconds < SHORTEST_LEASE:
        raise ValueError(wanted)
    return seconds


def pools(value: str) -> tuple[str, ...]:
    """Names of pools, the preferred one first."""
    names = tuple(name.strip() for name in value.split(","))
    if not all(_POOL.fullmatch(name) for name in names) or len(set(names)) < len(names):
        raise ValueError(
            "names of pools with commas between, each once, of letters, digits, - and _, "
            "such as main, reports"
        )
    return names


@dataclass(frozen=True)
class Settings:
    """Settings of ha_cron_leader."""

    cron_lease: float = setting(
        15.0,
        lease,
        "How long, in seconds, the node that runs the scheduled actions may be silent before "
        "another node takes over. A node that dies is followed at once. The same on all nodes.",
        example="15s",
    )
    cron_pools: tuple[str, ...] = setting(
        ("main",),
        pools,
        "The pools of scheduled actions that this node serves, the one it prefers first. A pool "
        "runs on one node at a time: on the one that prefers it most of those that are up. "
        "Every pool that a scheduled action is in needs a node.",
        example="main, reports",
    )
