"""Questions to this node's sidecar about checks, over its Unix socket, with a deadline."""

import http.client
from pathlib import Path
from typing import Any

from odoo.addons.ha_base.settings import current
from odoo.addons.ha_base.unix_http import exchange

from .facts import FailoverSettings, failover

try:
    from odoo.addons.ha_dashboard.settings import Settings as DashboardSettings
except ModuleNotFoundError:  # works without it
    DashboardSettings = None

#: Seconds for one answer.
PATIENCE = 3.0


class SidecarAway(Exception):
    """It gave no answer; the text says why, in words for people."""


class Refused(Exception):
    """It answered that this won't do; the text says why."""


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
    try:
        status, found = exchange(where, method, path, data, PATIENCE)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SidecarAway(
            f"The sidecar of this node doesn't answer on {where}: {reason}"
        ) from error
    if status != 200:
        raise Refused(str(found.get("error") or status))
    return found
