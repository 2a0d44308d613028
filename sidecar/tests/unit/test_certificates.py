"""When certificates expire: read as OpenSSL does."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as some

from ha_sidecar.certificates import CertificateWatcher, in_file, not_after


def certificate(end: datetime.datetime) -> bytes:
    """A self-signed one, as DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "etcd" * 15)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    begin = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    builder = builder.not_valid_before(begin).not_valid_after(end)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("year", [2026, 2049, 2050, 9999])
def test_the_end_is_read(year: int, tmp_path: Path) -> None:
    end = datetime.datetime(year, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
    der = certificate(end)
    assert not_after(der) == end.timestamp()
    later = certificate(datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC))
    chain = tmp_path / "chain.pem"
    chain.write_text("a comment\n" + "".join(map(ssl.DER_cert_to_PEM_cert, (later, der))))
    assert in_file(chain) == end.timestamp(), "the first of them to end"


@given(some.binary(max_size=80))
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        not_after(data)


def test_a_cut_certificate_is_refused() -> None:
    der = certificate(datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
    for size in range(0, 100, 7):
        with pytest.raises(ValueError, match="no certificate"):
            not_after(der[:size])


def test_one_that_cannot_be_read_keeps_what_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "c.pem"
    der = certificate(datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
    path.write_text(ssl.DER_cert_to_PEM_cert(der))
    watcher = CertificateWatcher([("c", lambda: in_file(path))], interval=1.0)
    watcher.look()
    before = watcher.seen[0]
    path.unlink()
    watcher.look()
    assert watcher.seen[0].expires == before.expires == not_after(der)
    assert watcher.seen[0].error == "No such file or directory"
