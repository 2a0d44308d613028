"""What a failed TLS connection needs, in words that name the setting. Pure.

OpenSSL's words, libpq's and etcd's are known by a part of them; the first that is found counts.
"""

from __future__ import annotations

from collections.abc import Mapping

_HTTPS: dict[str, str] = {
    "certificate has expired": "{url}: renew that server's certificate, or set this machine's clock",
    "certificate is not yet valid": "{url}: set this machine's clock, or that server's",
    "mismatch": "{url} should name its server as the server's certificate does",
    "certificate verify failed": "{ca} should hold the CA that signed that server's certificate",
    "wrong version number": "{url} should begin with http:// for a server without TLS",
}
_PLAIN: Mapping[str, str] = dict.fromkeys(
    (
        "Remote end closed connection without response",
        "HTTP request to an HTTPS server",
        "Connection reset",
    ),
    "where etcd speaks TLS, etcd_endpoints should begin with https://",
)
# Which of these is seen depends on the version of TLS, and on which side is faster.
_CLIENT: dict[str, str] = dict.fromkeys(
    ("alert", "EOF occurred in violation of protocol", "Connection reset", "Connection aborted"),
    "where etcd asks for a client certificate, set etcd_cert and etcd_key to one that it trusts",
)
_ETCD = {part: remedy.format(url="etcd_endpoints", ca="etcd_ca") for part, remedy in _HTTPS.items()}
PATRONI: Mapping[str, str] = {
    part: remedy.format(url="patroni_urls", ca="patroni_ca") for part, remedy in _HTTPS.items()
}
PROBE: Mapping[str, str] = {
    "does not match host name": "probe_sslmode verify-full wants a certificate for the address in"
    " Patroni's postgresql.connect_address: issue one, or take verify-ca",
    # libpq doesn't tell which of the two it is.
    "SSL error:": "probe_sslrootcert should hold the CA that signed the server's"
    " certificate, and that must not have expired",
    "root certificate file": "set probe_sslrootcert to the CA that signed the server's certificate",
    "does not support SSL": "set ssl = on in PostgreSQL, or take a lower probe_sslmode",
    "no encryption": "the server wants TLS: probe_sslmode should be require or above",
}


def of_etcd(url: str) -> Mapping[str, str]:
    """The remedies for a member of etcd at ``url``."""
    return _ETCD | _CLIENT if url.startswith("https:") else _PLAIN


def with_remedy(words: str, remedies: Mapping[str, str]) -> str:
    """``words``, and what to do where that is known."""
    found = next((remedy for part, remedy in remedies.items() if part in words), None)
    return words if found is None else f"{words}; {found}"
