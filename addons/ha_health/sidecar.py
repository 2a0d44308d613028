"""Questions to this node's sidecar about checks, over its Unix socket, with a deadline."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from odoo.addons.ha_base.settings import current

from .facts import FailoverSettings, failover

try:
    from odoo.addons.ha_dashboard.settings import Settings as DashboardSettings
except ModuleNotFoundError:  # works without it
    DashboardSettings = None

#: Seconds for one answer.
PATIENCE = 3.0
_MOST_BYTES = 1 << 20


class SidecarAway(Exception):
    """It gave no answer; the text says why, in words for people."""


class Refused(Exception):
    """It answered that this won't do; the text says why."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("sidecar", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def socket_path() -> Path:
    """Where its socket should be."""
    own = current(DashboardSettings).sidecar_socket if DashboardSettings is not None else ""
    if own:
        return Path(own)
    if failover is None:
        return Path("/run/odoo-ha/sidecar.sock")
    return Path(current(FailoverSettings).topology_path).with_name("sidecar.sock")


def ask(method: str, path: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    """What it answers.

    :raises SidecarAway: no answer within ``PATIENCE`` seconds
    :raises Refused: it won't
    """
    where = socket_path()
    connection = _Connection(where)
    try:
        body = None if data is None else json.dumps(data)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        found = json.loads(response.read(_MOST_BYTES))
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SidecarAway(
            f"The sidecar of this node doesn't answer on {where}: {reason}"
        ) from error
    finally:
        connection.close()
    if response.status != 200:
        raise Refused(str(found.get("error") or response.status))
    return found
