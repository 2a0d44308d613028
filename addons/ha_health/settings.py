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
        "Callers that send it (Authorization: Bearer …) get the details of /web/health, and "
        "/web/metrics, which nobody gets without it.",
        secret=True,
    )
    health_trusted_networks: tuple[IPv4Network | IPv6Network, ...] = setting(
        (),
        parse.networks,
        "Networks whose hosts get the details of /web/health. What a proxy passed on "
        "(X-Forwarded-For, Forwarded, X-Real-IP) counts only where health_trusted_proxies names "
        "the proxy.",
        example="10.0.0.0/8, ::1/128",
    )
    health_trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = setting(
        (),
        parse.networks,
        "Your proxies: those are believed about who asked them, by the last address in "
        "X-Forwarded-For that is none of them. Each must append to that header.",
        example="10.0.0.5/32",
    )
    drain_path: str = setting(
        "",
        parse.path,
        "While this file exists the node is being drained: it isn't ready any more, and finishes "
        "what it has. `ha-sidecar drain` makes it, `ha-sidecar undrain` removes it. Default: "
        "`drain` in the directory of topology_path.",
        example="/run/odoo-ha/drain",
    )
