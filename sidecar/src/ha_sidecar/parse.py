"""Turns a setting's text or TOML value into the value it stands for. Pure.

Each parser takes what TOML, the environment or the command line gave and returns the value,
or raises ValueError with the words that end the sentence "… should be".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

Parser = Callable[[object], object]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}


def text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that isn't empty")
    return value.strip()


def word(value: object) -> str:
    """A name as HAProxy takes it; anything else could be another command."""
    if not isinstance(value, str) or not re.fullmatch(r"\s*[A-Za-z0-9_.:-]+\s*", value):
        raise ValueError("one word of letters, digits and _ . : -")
    return value.strip()


def seconds(value: object) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|)\s*", str(value))
    if isinstance(value, bool) or found is None or float(found[1]) == 0:
        raise ValueError("a duration above zero, such as 0.5, 500ms, 2s or 1m")
    return float(found[1]) * _UNITS[found[2]]


def integer(minimum: int, maximum: int) -> Parser:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not re.fullmatch(r"\s*\d+\s*", str(value)):
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        number = int(str(value))
        if not minimum <= number <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return number

    return parse


def path(value: object) -> Path:
    if not isinstance(value, str) or not value.strip().startswith("/"):
        raise ValueError("an absolute path")
    return Path(value.strip())


def mode(value: object) -> int:
    """A file mode is written as text in octal: in TOML ``0660`` bare is no number at all."""
    if not isinstance(value, str) or not re.fullmatch(r"0?[0-7]{3}", value.strip()):
        raise ValueError('a file mode in quotes, such as "0660"')
    return int(value.strip(), 8)


def choice(*allowed: str) -> Parser:
    def parse(value: object) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return str(value)

    return parse


def choices(*allowed: str) -> Parser:
    """Some of these words, as a TOML list or with commas."""

    def parse(value: object) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            raise ValueError("a list of " + ", ".join(allowed))
        found = tuple(str(part).strip() for part in parts if str(part).strip())
        if not set(found) <= set(allowed):
            raise ValueError("a list of " + ", ".join(allowed))
        return found

    return parse


def namespace(value: object) -> str:
    return "/" + text(value).strip("/") + "/"


def urls(value: object) -> tuple[str, ...]:
    """A list of ``http(s)://host:port``, as a TOML list or with commas."""
    wanted = 'a list of URLs such as ["http://10.0.0.1:2379"]'
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise ValueError(wanted)
    return tuple(_url(part.strip(), wanted) for part in parts if part.strip())


def url(value: object) -> str:
    """One ``http(s)://host:port``."""
    return _url(text(value), "an URL such as http://127.0.0.1:8072")


def sockets(value: object) -> tuple[str | tuple[str, int], ...]:
    """A list of Unix sockets' paths and ``tcp:host:port``, as a TOML list or with commas.

    A path stays a text, an address becomes the pair of its IP address and its port.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise ValueError('a list such as ["/run/haproxy/admin.sock", "tcp:127.0.0.1:9999"]')
    return tuple(_socket(part.strip()) for part in parts if part.strip())


def _socket(value: str) -> str | tuple[str, int]:
    if value.startswith("/"):
        return value
    if not value.startswith("tcp:"):
        raise ValueError("a list of paths from / on, or of tcp:address:port")
    return address(value.removeprefix("tcp:"))


def database_entries(value: object) -> tuple[str, ...]:
    """Entries of PgBouncer's ``[databases]`` without an address, as a TOML list or with semicolons."""
    wanted = 'a list such as ["*", "postgres pool_mode=session"], without host and port'
    parts = value.split(";") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise ValueError(wanted)
    found = tuple(part.strip() for part in parts if part.strip())
    if not found or any(
        not re.fullmatch(r"(\*|[\w.$-]+)( +\w+=[^\s]+)*", entry)
        or re.search(r" (host|port|password)=", entry)
        for entry in found
    ):
        raise ValueError(wanted)
    return found


def certificates(value: object) -> tuple[str, ...]:
    """A list of files' paths, ``host:port`` and ``postgresql://host:port``."""
    wanted = 'a list such as ["/etc/haproxy/site.pem", "10.0.0.31:6380"]'
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise ValueError(wanted)
    found = tuple(part.strip() for part in parts if part.strip())
    for part in found:
        server = part.removeprefix("postgresql://")
        if not part.startswith("/") and not re.fullmatch(r"(\[[0-9a-f:]+\]|[\w.-]+):\d+", server):
            raise ValueError(wanted)
    return found


def address(value: object) -> tuple[str, int]:
    """``10.0.0.5:8009`` or ``[::1]:8009``; a name would need a name server in an outage."""
    found = re.fullmatch(r"\s*(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d+)\s*", str(value))
    try:
        if found is None:
            raise ValueError
        host = str(ipaddress.ip_address(found[1] or found[2]))
        port = int(found[3])
    except ValueError:
        raise ValueError("an IP address and a port, such as 10.0.0.5:8009 or [::1]:8009") from None
    if not 1 <= port <= 65535:
        raise ValueError("an IP address and a port from 1 to 65535")
    return host, port


def _url(value: str, wanted: str) -> str:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{wanted} ({error})") from None
    if parts.username or parts.password:
        # The value itself is not repeated: it holds a password.
        raise ValueError(f"{wanted}, without user or password: give those by their own settings")
    if parts.scheme not in {"http", "https"} or not host or port is None:
        raise ValueError(f"{wanted}, each with http:// or https://, a host and a port")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{wanted}, with nothing after the port")
    return f"{parts.scheme}://{parts.netloc}"
