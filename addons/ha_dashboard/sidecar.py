"""Questions to this node's sidecar and orders for it, over its Unix socket, each with a deadline."""

import http.client
import time
from pathlib import Path
from typing import Any

from odoo.addons.ha_base.settings import current
from odoo.addons.ha_base.unix_http import exchange
from odoo.addons.ha_failover.settings import Settings as FailoverSettings

from .settings import Settings

#: Seconds for all pages together, and for one order.
PATIENCE, ORDER_PATIENCE = 1.5, 3.0
PAGES = ("status", "history", "orders", "alerts")


class SidecarAway(Exception):
    """It gave no answer; ``key`` names what is missing on the node, the text says why."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


class OrderRefused(Exception):
    """It answered, and won't; the text is for people."""


def socket_path() -> Path:
    """Where its socket should be."""
    own = current(Settings).sidecar_socket
    beside = Path(current(FailoverSettings).topology_path).with_name("sidecar.sock")
    return Path(own) if own else beside


def known() -> dict[str, Any]:
    """All pages, by name; one that this sidecar doesn't have is None.

    :raises SidecarAway: within ``PATIENCE`` seconds
    """
    deadline = time.monotonic() + PATIENCE
    found = {}
    for page in PAGES:
        status, body = _ask("GET", f"/{page}", None, max(0.05, deadline - time.monotonic()))
        found[page] = body if status == 200 else None
    return found


def order(path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Have it do something.

    :raises SidecarAway: no answer: whether it does it isn't known
    :raises OrderRefused: it won't
    """
    status, body = _ask("POST", path, wanted, ORDER_PATIENCE)
    if status >= 300:
        raise OrderRefused(str(body.get("error") or f"the sidecar answers {status}"))
    return body


def _ask(
    method: str, path: str, data: dict[str, Any] | None, timeout: float
) -> tuple[int, dict[str, Any]]:
    where = socket_path()
    try:
        status, found = exchange(where, method, path, data, timeout)
    except (FileNotFoundError, ConnectionRefusedError):
        raise SidecarAway("sidecar", f"nothing listens on {where}") from None
    except PermissionError:
        raise SidecarAway("sidecar_rights", f"Odoo's user may not open {where}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise SidecarAway("sidecar_silent", f"{where}: {reason}") from None
    return status, found if isinstance(found, dict) else {}
