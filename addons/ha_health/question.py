"""What a caller of ``/web/health`` asks for, and whether it may see the details. Pure."""

import hmac
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import parse_qs

from .verdict import Question

PATH = "/web/health"
PROBES = ("ready", "live", "startup")
ROLES = ("primary", "standby")
#: What a proxy adds: the peer then isn't who asks.
_PASSED_ON = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


class BadQuestion(ValueError):
    """A parameter that can't be answered; the text says what it may be."""


def is_health(environ: Mapping[str, Any]) -> bool:
    """Is this WSGI request ours?"""
    return (
        environ.get("PATH_INFO", "").rstrip("/") == PATH
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
    return Question(probe, role, bool(given.get("db_server_status")))


def may_see_details(
    environ: Mapping[str, Any],
    token: str | None,
    networks: Sequence[IPv4Network | IPv6Network],
) -> bool:
    """Does the caller know the token, or ask directly from a trusted network?"""
    scheme, _, sent = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if token and scheme.lower() == "bearer":
        # WSGI passes headers on as latin-1.
        same = hmac.compare_digest(sent.strip().encode("latin-1", "replace"), token.encode())
        if same:
            return True
    if any(name in environ for name in _PASSED_ON):
        return False
    try:
        peer = ip_address(environ.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return any((mapped or peer) in network for network in networks)
