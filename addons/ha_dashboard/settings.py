"""Settings of ha_dashboard. Pure."""

from dataclasses import dataclass

from odoo.addons.ha_base.settings import parse, setting


@dataclass(frozen=True)
class Settings:
    """Where this node's sidecar is."""

    sidecar_socket: str = setting(
        "",
        parse.path,
        "The sidecar's Unix socket (its `socket_path`), which Odoo's user must be allowed to open. "
        "Default: `sidecar.sock` in the directory of topology_path.",
        example="/run/odoo-ha/sidecar.sock",
    )
