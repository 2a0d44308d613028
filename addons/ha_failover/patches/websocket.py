"""Seams: ``WebsocketRequest.serve_websocket_message``, ``Websocket._dispatch_bus_notifications``."""

from collections.abc import Callable
from typing import Any

from odoo.addons.ha_base.patches import Patch

from .. import replay, work


def _run(attempt: Callable[[], Any], websocket: Any, label: str) -> None:
    from odoo.addons.bus.websocket import CloseCode  # noqa: PLC0415

    try:
        # Outside of hold_limit: a waiting websocket occupies nobody, closing it makes more load.
        replay.run(attempt, lambda: None, label, limited=False)
    except replay.Unanswerable:
        # The web client connects again after a while, and subscribes anew.
        websocket.close(CloseCode.TRY_LATER)


def _wrap_message(original: Callable[..., Any]) -> Callable[..., Any]:
    def serve_websocket_message(self: Any, message: Any) -> None:
        _run(lambda: original(self, message), self.ws, "websocket message")

    return serve_websocket_message


def _wrap_notifications(original: Callable[..., Any]) -> Callable[..., Any]:
    def _dispatch_bus_notifications(self: Any) -> None:
        if work.current() is not None:  # it calls itself when the session was rotated
            original(self)
            return
        newest = self.__dict__.pop("_ha_newest_id", None)
        if newest is not None:
            forget_lost(self, newest)
        _run(lambda: original(self), self, "websocket notifications")

    return _dispatch_bus_notifications


def forget_lost(websocket: Any, newest: int) -> None:
    """Forget ids above ``newest``: their notifications were lost in a failover, and the ids will
    be given to others, which would be taken for sent."""
    websocket._last_notif_sent_id = min(websocket._last_notif_sent_id, newest)
    websocket._notif_history = [item for item in websocket._notif_history if item[0] <= newest]


PATCH_MESSAGE = Patch(
    name="websocket-message",
    target="odoo.addons.bus.websocket:WebsocketRequest.serve_websocket_message",
    reason="Stock swallows the error of a subscription that met an outage; the websocket stays "
    "open and hears nothing for good.",
    checked_on="19.0",
    contains=(
        "def serve_websocket_message(self, message):",
        "with acquire_cursor(self.db) as cr:",
        "service_model.retrying(",
    ),
    wrap=_wrap_message,
)
PATCH_NOTIFICATIONS = Patch(
    name="websocket-notifications",
    target="odoo.addons.bus.websocket:Websocket._dispatch_bus_notifications",
    reason="A websocket whose notifications are just read when the database goes away is closed "
    "by stock, with an error.",
    checked_on="19.0",
    contains=(
        "return self._dispatch_bus_notifications()",
        "self._channels, self._last_notif_sent_id, [n[0] for n in self._notif_history]",
        "self._notif_history = self._notif_history[last_index + 1 :]",
        "self._send(notifications)",
    ),
    wrap=_wrap_notifications,
)
