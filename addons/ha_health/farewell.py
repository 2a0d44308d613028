"""Websockets of a node that is being drained: their browsers are told to connect elsewhere.

A prefork server kills its gevent process, and threads end with theirs; so browsers would notice at the
end only, all at once. Told before, they connect to another node while this one still serves.
"""

import logging
import sys

_logger = logging.getLogger(__name__)

#: Seconds for balancers to take notice of the drain: sooner, a browser would come back here.
NOTICED = 5.0


def is_due(drained_since: float | None, now: float) -> bool:
    """Are those that are connected to be told now? Pure."""
    return drained_since is not None and now - drained_since >= NOTICED


class Farewell:
    """Told each second whether the node is drained; tells the websockets of this process."""

    def __init__(self) -> None:
        self._since: float | None = None

    def look(self, draining: bool, now: float) -> None:
        """Tell those that are connected, who came back too. ``now`` is of the monotonic clock."""
        if not draining:
            self._since = None
            return
        if self._since is None:
            self._since = now
        if is_due(self._since, now):
            tell()


def tell() -> int:
    """Close each open websocket with "going away", on which browsers connect anew, each after a
    delay of its own. Returns how many."""
    bus = sys.modules.get("odoo.addons.bus.websocket")
    if bus is None:
        return 0
    found = [
        one for one in tuple(bus._websocket_instances) if one.state is bus.ConnectionState.OPEN
    ]
    for one in found:
        one.close(bus.CloseCode.GOING_AWAY)
    if found:
        _logger.info("The node is drained: %d websockets told to connect elsewhere", len(found))
    return len(found)
