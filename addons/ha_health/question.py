"""What a caller of ``/web/health`` asks for, and whether it may see the details. Pure."""

import hmac
import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import parse_qs

from odoo.addons.ha_base.settings import parse as parsers

from .verdict import Lag, Question

HEALTH, METRICS = "/web/health", "/web/metrics"
PROBES = ("ready", "live", "startup")
ROLES = ("primary", "standby")
Networks = Sequence[IPv4Network | IPv6Network]
#: What a proxy adds: the peer then isn't who asks.
_PASSED_ON = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


class BadQuestion(ValueError):
    """A parameter that can't be answered; the text says what it may be."""


def is_for(path: str, environ: Mapping[str, Any]) -> bool:
    """Does this WSGI request read ``path``?"""
    return (
        environ.get("PATH_INFO", "").rstrip("/") == path
        and environ.get("REQUEST_METHOD") in ("GET", "HEAD")
    )  # fmt: skip


def parse(query: str) -> Question:
    """The question in a query string; parameters we don't know are ignored, as stock does.

    :raises BadQuestion: naming the parameter
    """
    given = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    probe = given.get("probe", "ready")
    role = given.get("role", "primary")
    if probe not in PROBES:
        raise BadQuestion(f"probe must be one of {', '.join(PROBES)}")
    if role not in ROLES:
        raise BadQuestion(f"role must be one of {', '.join(ROLES)}")
    # Any text but the empty one counts, as in stock.
    lag = _lag(given["lag"]) if "lag" in given else Lag()
    return Question(probe, role, bool(given.get("db_server_status")), lag)


def _lag(text: str) -> Lag:
    """A number without a unit is bytes, as in Patroni's own checks."""
    try:
        if re.search(r"[0-9]\s*(ms|s|m|h)$", text.strip().lower()):
            return Lag(seconds=parsers.seconds(text))
        return Lag(bytes=parsers.size(text))
    except ValueError:
        raise BadQuestion("lag must be a size or a duration, such as 10MB or 5s") from None


def knows_token(environ: Mapping[str, Any], token: str | None) -> bool:
    """Did the caller send the token? Compared in constant time; without one nobody knows it."""
    scheme, _, sent = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if not token or scheme.lower() != "bearer":
        return False
    # WSGI passes headers on as latin-1.
    return hmac.compare_digest(sent.strip().encode("latin-1", "replace"), token.encode())


def may_see_details(
    environ: Mapping[str, Any],
    token: str | None,
    networks: Networks,
    proxies: Networks = (),
) -> bool:
    """Does the caller know the token, or ask from a trusted network?"""
    if knows_token(environ, token):
        return True
    client = client_address(environ, proxies)
    return client is not None and _within(client, networks)


def client_address(
    environ: Mapping[str, Any], proxies: Networks
) -> IPv4Address | IPv6Address | None:
    """Who asks; None when that can't be told for sure.

    Without ``proxies`` it is the peer, and only when it passed nothing on. A peer within
    ``proxies`` is believed about the last address in ``X-Forwarded-For``, and so on from there
    to the left: what stands further left than the first stranger was written by strangers.
    """
    peer = _address(environ.get("REMOTE_ADDR", ""))
    if not any(name in environ for name in _PASSED_ON):
        # A proxy that tells nothing of its clients passes on the requests of everybody.
        return None if peer is None or _within(peer, proxies) else peer
    if peer is None or not _within(peer, proxies):
        return None
    for text in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        client = _address(text.strip())
        if client is None or not _within(client, proxies):
            return client
    return None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: IPv4Address | IPv6Address, networks: Networks) -> bool:
    return any(address in network for network in networks)
