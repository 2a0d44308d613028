"""The process-level part of ha_dashboard, activated by ha_base on each node."""

import os
import time
from dataclasses import dataclass

import odoo
from odoo.addons.ha_base.patches import apply

from .ledger import SIZE, Ledger
from .settings import Settings
from .shared import shared_file
from .turn import Turn


@dataclass(frozen=True)
class Node:
    """What this node's processes share; ``since`` is when the ledger was begun (Unix time)."""

    ledger: Ledger
    since: float
    turn: Turn


_SINCE = "HA_DASHBOARD_SINCE"

_node: Node | None = None


def activate(settings: Settings) -> None:
    """Patch the WSGI application; connects nowhere."""
    global _node
    from .patches import application

    evented = bool(getattr(odoo, "evented", False))
    if not evented:
        os.environ[_SINCE] = str(time.time())
    ledger = Ledger(shared_file("ledger", SIZE, evented))
    since = float(os.environ.get(_SINCE) or time.time())
    _node = Node(ledger, since, Turn(shared_file("turn", 0, evented)))
    apply(application.PATCH)


def node() -> Node | None:
    """This node's; None where the suite isn't active."""
    return _node
