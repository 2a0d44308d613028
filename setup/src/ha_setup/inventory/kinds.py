"""Kinds of values: each takes what YAML gave, or raises ValueError with the words after "should be". Pure."""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import Annotated, get_args
from urllib.parse import urlsplit

from pydantic import BeforeValidator

_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZES = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _duration(value: object) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", _text(value))
    if found is None or float(found[1]) == 0:
        raise ValueError("a duration with its unit, such as 60s or 2m")
    return float(found[1]) * _DURATIONS[found[2]]


def _size(value: object) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(KB|MB|GB|TB)", _text(value))
    if found is None or float(found[1]) == 0:
        raise ValueError("a size with its unit, such as 512MB or 8GB")
    return int(float(found[1]) * _SIZES[found[2]])


def _rpo(value: object) -> int:
    if value == 0 and not isinstance(value, bool):
        return 0
    try:
        return _size(value)
    except ValueError:
        raise ValueError(
            "0 (no acknowledged write may be lost) or what may be lost at most, such as 1MB"
        ) from None


def _address(value: object) -> str:
    try:
        address = ipaddress.IPv4Address(_text(value))
    except ValueError:
        raise ValueError("an IPv4 address, such as 10.0.0.11") from None
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        raise ValueError("the IPv4 address of a host, such as 10.0.0.11")
    return str(address)


def _virtual_address(value: object) -> str:
    wanted = "an IPv4 address with the length of its network's prefix, such as 10.0.0.100/24"
    try:
        interface = ipaddress.IPv4Interface(_text(value))
    except ValueError:
        raise ValueError(wanted) from None
    if "/" not in _text(value):
        raise ValueError(wanted)
    if interface.ip in (interface.network.network_address, interface.network.broadcast_address):
        raise ValueError(f"{wanted}; {interface.ip} is the network's own or its broadcast address")
    return str(interface)


def _network(value: object) -> str:
    try:
        return str(ipaddress.IPv4Network(_text(value)))
    except ValueError as error:
        why = f" ({error})" if "host bits" in str(error) else ""
        raise ValueError(f"an IPv4 network, such as 10.0.0.0/24{why}") from None


def _path(value: object) -> str:
    # Spaces and the like would need another quoting in each of the programs' files.
    if not re.fullmatch(r"(/[\w.@+-]+)+", _text(value), re.ASCII):
        raise ValueError("an absolute path of letters, digits and _ . @ + -")
    return _text(value)


def _secret_file(value: object) -> str:
    try:
        return _path(value)
    except ValueError:
        raise ValueError(
            "the path of the file on the hosts that holds it, such as /etc/odoo-ha/secrets/redis;"
            " a secret itself must not stand in an inventory: change it if it was one"
        ) from None


def _url(value: object) -> str:
    wanted = "an address such as https://s3.example.com or http://10.0.0.41:8333"
    try:
        parts = urlsplit(_text(value))
        port = parts.port
    except ValueError:
        raise ValueError(wanted) from None
    if parts.username or parts.password:
        raise ValueError(f"{wanted}, without user and password")
    if (
        parts.scheme not in ("http", "https")
        or not re.fullmatch(r"[\w.-]+", parts.hostname or "", re.ASCII)
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
    ):
        raise ValueError(wanted)
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")


def _word(pattern: str, wanted: str) -> BeforeValidator:
    def check(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(wanted)
        return value

    return BeforeValidator(check)


def choices(literal: object) -> BeforeValidator:
    """One of a Literal's words; the nearest is suggested."""
    words = [str(word) for word in get_args(literal)]

    def check(value: object) -> object:
        if value not in words:
            near = difflib.get_close_matches(str(value), words, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"one of {', '.join(words)}{hint}")
        return value

    return BeforeValidator(check)


def whole(minimum: int, maximum: int) -> BeforeValidator:
    """A whole number in that range."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return value

    return BeforeValidator(check)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


Duration = Annotated[float, BeforeValidator(_duration)]
Size = Annotated[int, BeforeValidator(_size)]
Rpo = Annotated[int, BeforeValidator(_rpo)]
Address = Annotated[str, BeforeValidator(_address)]
VirtualAddress = Annotated[str, BeforeValidator(_virtual_address)]
Network = Annotated[str, BeforeValidator(_network)]
FilePath = Annotated[str, BeforeValidator(_path)]
SecretFile = Annotated[str, BeforeValidator(_secret_file)]
Url = Annotated[str, BeforeValidator(_url)]
Flag = Annotated[bool, BeforeValidator(_flag)]
HostName = Annotated[
    str,
    _word(
        r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
        "a host's name of small letters, digits and -, such as odoo1",
    ),
]
Word = Annotated[str, _word(r"[A-Za-z][A-Za-z0-9_-]{0,62}", "one word of letters, digits, _ and -")]
Key = Annotated[str, _word(r"[A-Za-z0-9/+=_.-]{1,128}", "a key of letters, digits and / + = _ . -")]
Bucket = Annotated[
    str, _word(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name, such as odoo-attachments")
]
Domain = Annotated[
    str,
    _word(
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+",
        "a domain name in small letters, such as odoo.example.com",
    ),
]
Interface = Annotated[str, _word(r"[A-Za-z0-9_.-]{1,15}", "a network interface, such as eth0")]
