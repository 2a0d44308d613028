"""The node's identity: the name under which leases, logs and health answers know this node."""

import socket
from dataclasses import dataclass

from .settings import current, parse, setting


@dataclass(frozen=True)
class Settings:
    """Settings of ha_base."""

    node_id: str = setting(
        "",
        parse.name,
        "Name of this node, unique in the cluster. Default: the host's name.",
        example="odoo1",
    )


def node_id() -> str:
    """This node's name: the setting ``node_id``, else the host's name."""
    return current(Settings).node_id or socket.gethostname()
