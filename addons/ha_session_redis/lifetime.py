"""How long a saved session lives. Pure."""

from collections.abc import Mapping
from typing import Any

SHORTEST = 1.0  # Redis has no lifetime of zero


def lifetime(
    session: Mapping[str, Any], *, inactivity: float, anonymous: float | None, now: float
) -> float:
    """Seconds that this document may live from ``now`` on.

    :param inactivity: the database's ``sessions.max_inactivity_seconds``
    :param anonymous: the limit for visitors who are not logged in, ``None`` for no other one
    """
    if "deletion_time" in session:
        # Rotated: the old sid ends at the time that stock Odoo wrote into it.
        seconds = session["deletion_time"] - now
    elif session.get("uid") or session.get("pre_uid") or anonymous is None:
        seconds = inactivity
    else:
        seconds = min(inactivity, anonymous)
    return max(seconds, SHORTEST)
