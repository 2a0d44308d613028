"""What a sidecar tells the others of its node. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..certificates import Expiry
from ..node import Switch
from ..node_watch import Sight


def report(
    sight: Sight,
    *,
    asked: bool,
    current: bool,
    status: str,
    topology: Mapping[str, Any] | None,
    certificates: Iterable[Expiry],
) -> dict[str, Any]:
    """Return the node's report: what seldom changes, since each change is written to etcd.

    :param asked: there is an Odoo to ask (``odoo_url``)
    :param current: its last answer is young; else nothing of it counts but that it is gone
    :param status: the node's health: pass, warn, fail
    """
    facts = sight.answer.facts if sight.answer is not None else None
    told: dict[str, Any] = {"redis": None, "s3": None, "cron_leads": None, "cron_unserved": None}
    if facts is not None:
        # A node that is gone leads nothing.
        told["cron_leads"] = 0 if facts.cron_leads is not None else None
        if current:
            told = {name: getattr(facts, name) for name in told}
    draining = sight.switch is not Switch.OFF
    if draining and told["cron_leads"]:
        # It hands its pools over, and says no more of them (seen: it still told that it led).
        told["cron_leads"] = 0
    return {
        "proves": bool(topology and topology.get("primary")),
        "serves": status != "fail" if asked else None,
        "status": status if asked else None,
        # By its clock, rounded: to be compared with others'.
        "draining_since": round(sight.switched_at or 0.0) if draining else None,
        "certificates": [
            {"name": one.name, "expires": one.expires}
            for one in certificates
            if one.expires is not None
        ],
        **told,
    }
