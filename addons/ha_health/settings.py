"""Settings of ha_health. Pure."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from odoo.addons.ha_base.settings import parse, setting


@dataclass(frozen=True)
class Settings:
    """Settings of ha_health."""

    health_interval: float = setting(
        1.0,
        parse.seconds,
        "Seconds between two looks at the database's role, in each process that is asked for "
        "its health.",
        example="1s",
    )
    health_timeout: float = setting(
        2.0,
        parse.seconds,
        "Seconds after which such a look counts as failed, connecting included.",
        example="2s",
    )
    health_max_age: float = setting(
        10.0,
        parse.seconds,
        "Age in seconds from which on what was seen last counts as nothing: health then fails. "
        "Must be above health_interval + health_timeout.",
        example="10s",
    )
    health_token: str | None = setting(
        None,
        parse.text,
        "Callers that send it (Authorization: Bearer …) get the details of /web/health. Without "
        "it, only trusted networks do.",
        secret=True,
    )
    health_trusted_networks: tuple[IPv4Network | IPv6Network, ...] = setting(
        (),
        parse.networks,
        "Networks whose hosts get the details of /web/health when they ask directly. A request "
        "that a proxy passed on (X-Forwarded-For, Forwarded, X-Real-IP) never counts as one.",
        example="10.0.0.0/8, ::1/128",
    )
