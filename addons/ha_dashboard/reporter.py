"""One thread of the node writes its facts into each database, and tells the bus while somebody looks.

Whichever of the node's processes gets a request while none has the turn takes it; the kernel frees it
with the process. Nothing is written while the database takes no writes.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from odoo import SUPERUSER_ID, api
from odoo.addons.ha_base import background
from odoo.addons.ha_failover import status as failover
from odoo.modules.registry import Registry

from . import facts, process, sidecar

_logger = logging.getLogger(__name__)

#: Seconds between two reports, while somebody looks and while nobody does.
WATCHED, UNWATCHED = 2.0, 10.0
#: Seconds between two tries to get the turn.
_AGAIN = 5.0
_MODEL = "ha.dashboard.node"

_next_try = 0.0


def begin() -> None:
    """Report from this process from now on, unless another one of the node does. Cheap."""
    global _next_try
    node, now = process.node(), time.monotonic()
    if node is None or now < _next_try or node.turn.is_mine():
        return
    _next_try = now + _AGAIN
    if databases() and node.turn.take():
        background.start(_run, "ha_dashboard.reporter")


def databases() -> list[str]:
    """Those that this process has loaded with the app installed."""
    loaded = Registry.registries.snapshot.items()
    return [name for name, registry in loaded if registry.ready and _MODEL in registry]


def _run() -> None:
    watched: dict[str, bool] = {}
    while True:
        for database in databases():
            try:
                if not failover.holding():
                    watched[database] = report(database)
            except psycopg2.Error as error:
                _logger.info("%s isn't told how this node is: %s", database, str(error).strip())
            except Exception:
                _logger.exception("%s isn't told how this node is; goes on", database)
        time.sleep(WATCHED if any(watched.values()) else UNWATCHED)


def report(database: str) -> bool:
    """Write this node's facts, and do what was ordered of it; whether somebody looks."""
    found = facts.gather()
    with _model(database) as nodes:
        watched, ordered = nodes._report(found)
    if ordered:
        try:
            sidecar.order("/drain", ordered)
            refusal = ""
        except (sidecar.SidecarAway, sidecar.OrderRefused) as error:
            refusal = str(error)
        _logger.info("%s: %s", ordered, refusal or "done")
        with _model(database) as nodes:
            nodes._answer(facts.node_id(), refusal)
    return watched


@contextmanager
def _model(database: str) -> Iterator[Any]:
    with Registry(database).cursor() as cr:
        cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        yield api.Environment(cr, SUPERUSER_ID, {})[_MODEL]
