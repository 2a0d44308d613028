"""Settings of ha_cron_leader. Pure."""

from dataclasses import dataclass

from odoo.addons.ha_base.settings import parse, setting

SHORTEST_LEASE = 3.0


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


@dataclass(frozen=True)
class Settings:
    """Settings of ha_cron_leader."""

    cron_lease: float = setting(
        15.0,
        lease,
        "How long, in seconds, the node that runs the scheduled actions may be silent before "
        "another node takes over. It is renewed three times in this time. The same on all nodes.",
        example="15s",
    )
