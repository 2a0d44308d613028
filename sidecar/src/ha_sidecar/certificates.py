"""When TLS certificates expire: those in files, and those that servers present."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from .settings import Settings

_log = structlog.get_logger("ha_sidecar.certificates")

#: Seconds for one server's handshake.
TIMEOUT = 2.0
_POSTGRESQL = "postgresql://"
#: What PostgreSQL is asked before TLS begins.
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _CONTEXT_0 = 0x30, 0x17, 0x18, 0xA0
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


#: Names, and how to look: that returns Unix time, or raises OSError or ValueError.
Places = list[tuple[str, Callable[[], float]]]


@dataclass(frozen=True)
class Expiry:
    """One place's certificate. ``expires`` is Unix time, None when it can't be read: ``error``."""

    name: str
    expires: float | None
    error: str | None = None


def not_after(der: bytes) -> float:
    """Return when an X.509 certificate expires (Unix time). Raises ValueError. Pure."""
    _, certificate, _ = _element(der)
    _, body, _ = _element(certificate)
    tag, _, rest = _element(body)
    if tag == _CONTEXT_0:  # the version, which is left out of the first one
        _, _, rest = _element(rest)
    for _ in ("signature", "issuer"):
        _, _, rest = _element(rest)
    tag, validity, _ = _element(rest)
    if tag != _SEQUENCE:
        raise ValueError("no certificate")
    _, _, rest = _element(validity)
    tag, text, _ = _element(rest)
    if tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("no certificate")
    # Two digits of a year count from 1950 on (RFC 5280).
    century = "" if tag == _GENERALIZED_TIME else ("19" if text[:2] >= b"50" else "20")
    written = century + text.decode("ascii").removesuffix("Z") + "+0000"
    return datetime.strptime(written, "%Y%m%d%H%M%S%z").timestamp()


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Split DER: the first element's tag and content, and what follows it."""
    if len(data) < 2:
        raise ValueError("no certificate")
    tag, size, start = data[0], data[1], 2
    if size & 0x80:
        count = size & 0x7F
        size, start = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if len(data) < start + size:
        raise ValueError("no certificate")
    return tag, data[start : start + size], data[start + size :]


def in_file(path: Path) -> float:
    """Return when the first of the file's certificates expires. Raises OSError, ValueError."""
    pieces = path.read_text(encoding="ascii", errors="replace").split(_BEGIN)[1:]
    if not pieces:
        raise ValueError("there is no certificate in it")
    return min(
        not_after(ssl.PEM_cert_to_DER_cert(_BEGIN + piece.partition(_END)[0] + _END))
        for piece in pieces
    )


def of_server(host: str, port: int, *, postgresql: bool = False) -> float:
    """Return when the certificate expires that a server presents. Raises OSError, ValueError.

    It is not checked: one that has expired is to be told of as well.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, port), timeout=TIMEOUT) as link:
        if postgresql:
            link.sendall(_SSL_REQUEST)
            if link.recv(1) != b"S":
                raise ValueError("the server has no TLS (ssl = off)")
        with context.wrap_socket(link, server_hostname=host) as secured:
            der = secured.getpeercert(binary_form=True)
    if der is None:
        raise ValueError("it presents none")
    return not_after(der)


def places(settings: Settings) -> Places:
    """Return what there is to look at by the settings."""
    found: dict[str, Callable[[], float]] = {}
    for each in ("etcd_ca", "etcd_cert", "patroni_ca", "probe_sslrootcert"):
        path: Path | None = getattr(settings, each)
        if path is not None:
            found[str(path)] = lambda path=path: in_file(path)  # type: ignore[misc]
    for url in (*settings.etcd_endpoints, *settings.patroni_urls):
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname and parts.port:
            found[parts.netloc] = lambda at=(parts.hostname, parts.port): of_server(*at)  # type: ignore[misc]
    found |= dict(_named(settings.certificates))
    return list(found.items())


def _named(certificates: Iterable[str]) -> Iterator[tuple[str, Callable[[], float]]]:
    for each in certificates:
        if each.startswith("/"):
            yield each, lambda each=each: in_file(Path(each))  # type: ignore[misc]
            continue
        parts = urlsplit(each if "://" in each else f"tls://{each}")
        at, postgresql = (parts.hostname or "", parts.port or 0), each.startswith(_POSTGRESQL)
        yield each, lambda at=at, postgresql=postgresql: of_server(*at, postgresql=postgresql)  # type: ignore[misc]


class CertificateWatcher(threading.Thread):
    """One thread that looks at all ``places`` every ``interval`` seconds."""

    def __init__(self, places: Places, interval: float) -> None:
        super().__init__(name="certificates", daemon=True)
        self._places = places
        self._interval = interval
        self._ending = threading.Event()
        self._failed: set[str] = set()
        #: What was seen last.
        self.seen: tuple[Expiry, ...] = ()

    def end(self) -> None:
        self._ending.set()

    def run(self) -> None:
        while self._places:
            self.look()
            if self._ending.wait(self._interval):
                return

    def look(self) -> None:
        self.seen = tuple(self._look(name, ask) for name, ask in self._places)

    def _look(self, name: str, ask: Callable[[], float]) -> Expiry:
        try:
            expires = ask()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            if name not in self._failed:
                self._failed.add(name)
                _log.warning("a certificate can't be read", certificate=name, error=reason)
            # What was seen before is still true of a file or server that is away just now.
            before = next((one.expires for one in self.seen if one.name == name), None)
            return Expiry(name, before, reason)
        self._failed.discard(name)
        return Expiry(name, expires)

    def status(self) -> dict[str, object]:
        """What there is to tell people, the first to expire first."""
        now = time.time()
        found = sorted(self.seen, key=lambda one: (one.expires is None, one.expires or 0.0))
        shown = [
            {
                "name": one.name,
                "days": None if one.expires is None else round((one.expires - now) / 86_400, 2),
                "error": one.error,
            }
            for one in found
        ]
        return {"certificates": shown}
