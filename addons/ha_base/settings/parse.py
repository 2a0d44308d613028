"""Parsers of settings: text in, value out, ``ValueError`` with what it should be. Pure."""

import math
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def text(value: str) -> str:
    """Any text that isn't empty."""
    if not value.strip():
        raise ValueError("a text that is not empty")
    return value.strip()


def name(value: str) -> str:
    """A name of letters, digits, dot, dash and underscore (63 characters at most)."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value.strip()):
        raise ValueError("a name of letters, digits, '.', '-' and '_', such as odoo1")
    return value.strip()


def boolean(value: str) -> bool:
    """True or False, as odoo.conf writes them."""
    if value.strip().lower() in _TRUE:
        return True
    if value.strip().lower() in _FALSE:
        return False
    raise ValueError("true or false")


def integer(minimum: int = 0, maximum: int | None = None) -> Callable[[str], int]:
    """A whole number within bounds."""
    bounds = f"of {minimum} or more" if maximum is None else f"from {minimum} to {maximum}"

    def parse(value: str) -> int:
        try:
            number = int(value.strip())
        except ValueError:
            number = minimum - 1
        if number < minimum or (maximum is not None and number > maximum):
            raise ValueError(f"a whole number {bounds}")
        return number

    return parse


def seconds(value: str) -> float:
    """A duration above zero in seconds; ``500ms``, ``2s``, ``1m`` are understood."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", value.strip().lower())
    number = float(match[1]) * _SECONDS[match[2] or "s"] if match else 0.0
    if not number or not math.isfinite(number):
        raise ValueError("a duration above zero, in seconds or such as 500ms, 2s, 1m")
    return number


def size(value: str) -> int:
    """A size in bytes; ``64KB``, ``10MB`` are understood (powers of 1024)."""
    match = re.fullmatch(r"(\d+)\s*([kmgt]?b)?", value.strip().lower())
    if not match:
        raise ValueError("a size in bytes, or such as 64KB, 10MB, 2GB")
    return int(match[1]) * _BYTES[match[2] or ""]


def path(value: str) -> str:
    """An absolute path."""
    if not value.strip().startswith("/"):
        raise ValueError("an absolute path, such as /run/odoo-ha/topology.json")
    return value.strip()


def url(*schemes: str) -> Callable[[str], str]:
    """An URL with a host and one of ``schemes``."""
    wanted = f"an URL such as {schemes[0]}://host:port"

    def parse(value: str) -> str:
        try:
            parts = urlsplit(value.strip())
            port_ok = parts.port is None or 0 < parts.port < 65536
        except ValueError:
            raise ValueError(wanted) from None
        if parts.scheme not in schemes or not port_ok or not (parts.hostname or parts.path):
            raise ValueError(wanted)
        if parts.scheme != "unix" and not parts.hostname:
            raise ValueError(wanted)
        return value.strip()

    return parse


def host_ports(value: str) -> tuple[tuple[str, int], ...]:
    """``host:port`` pairs, separated by commas; ``[::1]:26379`` for IPv6."""
    pairs = []
    for item in value.split(","):
        match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]/@]+)):(\d{1,5})", item.strip())
        if not match or not 0 < int(match[3]) < 65536:
            raise ValueError("host:port pairs separated by commas, such as 10.0.0.5:26379")
        pairs.append((match[1] or match[2], int(match[3])))
    return tuple(pairs)


def names(value: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(name(item) for item in value.split(","))


def networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """IP networks separated by commas."""
    try:
        return tuple(ip_network(item.strip()) for item in value.split(","))
    except ValueError:
        raise ValueError("networks separated by commas, such as 10.0.0.0/8, ::1/128") from None


def choice(*values: str) -> Callable[[str], str]:
    """One of ``values``."""

    def parse(value: str) -> str:
        if value.strip() not in values:
            raise ValueError("one of " + ", ".join(values))
        return value.strip()

    return parse
