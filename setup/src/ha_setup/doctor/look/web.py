"""What is asked over HTTP and TLS: Patroni, etcd, certificates."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import requests
from cryptography import x509

from ha_setup.doctor import seen
from ha_setup.doctor.look.unlooked import Unlooked
from ha_setup.doctor.target import Server, TlsPlace

TIMEOUT_S = 5.0


def _json(url: str) -> dict[str, Any]:
    """A GET's object, whatever the status. Certificates are judged by a check of their own."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, timeout=TIMEOUT_S)
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unlooked(f"{url} answers {answer.status_code} without an object")
    return found


def patroni(url: str) -> seen.Patroni:
    """One Patroni's REST API."""
    own, cluster, config = (_json(f"{url}/{path}") for path in ("patroni", "cluster", "config"))
    members = [
        seen.Member(
            name=str(m.get("name", "")),
            role=str(m.get("role", "")),
            state=str(m.get("state", "")),
            timeline=m.get("timeline"),
            lag=m["lag"] if isinstance(m.get("lag"), int) else None,
            tags=m.get("tags") or {},
            address=str(m.get("host", "")),
            port=int(m.get("port", 0)),
        )
        for m in cluster.get("members", ())
    ]
    version = str(own.get("patroni", {}).get("version", ""))
    return seen.Patroni(version, members, config, paused=bool(cluster.get("pause")))


def servers(patronis: Iterable[seen.Patroni | seen.Unseen]) -> tuple[Server, ...]:
    """The PostgreSQL servers that the first Patroni knows, where nobody told them."""
    for each in patronis:
        if isinstance(each, seen.Patroni):
            return tuple(Server(m.name, m.address, m.port) for m in each.members if m.port)
    return ()


def etcd(url: str) -> seen.Etcd:
    """One etcd member."""
    healthy = str(_json(f"{url}/health").get("health")) == "true"
    return seen.Etcd(str(_json(f"{url}/version").get("etcdserver", "")), healthy)


def certificate(place: TlsPlace) -> seen.Certificate:
    """The certificate that is shown there. It is read, not trusted."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((place.address, place.port), timeout=TIMEOUT_S) as link,
        context.wrap_socket(link, server_hostname=place.server_name) as tls,
    ):
        raw = tls.getpeercert(binary_form=True)
    if raw is None:
        raise Unlooked("no certificate was shown")
    return _decoded(raw)


def _decoded(raw: bytes) -> seen.Certificate:
    read = x509.load_der_x509_certificate(raw)
    try:
        alternative = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = list(alternative.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        names = []
    return seen.Certificate((read.not_valid_after_utc - datetime.now(UTC)).total_seconds(), names)
