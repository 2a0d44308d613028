"""What a failed TLS connection needs, told from the words of OpenSSL, libpq and etcd."""

import pytest

from ha_sidecar.tls import PATRONI, PROBE, of_etcd, with_remedy


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            "certificate verify failed: certificate has expired (_ssl.c:992)",
            "etcd_endpoints: renew",
        ),
        (
            "certificate verify failed: IP address mismatch, certificate is not",
            "etcd_endpoints should",
        ),
        (
            "certificate verify failed: Hostname mismatch, certificate is not",
            "etcd_endpoints should",
        ),
        ("certificate verify failed: unable to get local issuer certificate", "etcd_ca should"),
        ("tlsv13 alert certificate required (_ssl.c:2576)", "set etcd_cert and etcd_key"),
        ("tlsv1 alert unknown ca (_ssl.c:2576)", "set etcd_cert"),
        (
            "[SSL: WRONG_VERSION_NUMBER] wrong version number",
            "etcd_endpoints should begin with http:",
        ),
    ],
)
def test_etcd(words: str, remedy: str) -> None:
    assert remedy in with_remedy(words, of_etcd("https://etcd1:2379")).removeprefix(words)


def test_etcd_without_tls_in_the_address() -> None:
    words = (
        "Connection aborted.', RemoteDisconnected('Remote end closed connection without response')"
    )
    assert "begin with https://" in with_remedy(words, of_etcd("http://etcd1:2379"))
    assert "etcd_cert" in with_remedy(words, of_etcd("https://etcd1:2379"))


def test_patroni_has_settings_of_its_own() -> None:
    words = "certificate verify failed: self-signed certificate in certificate chain"
    assert with_remedy(words, PATRONI).startswith(f"{words}; patroni_ca should")
    assert "etcd" not in " ".join(PATRONI.values())


@pytest.mark.parametrize(
    ("words", "setting"),
    [
        ("SSL error: certificate verify failed", "probe_sslrootcert"),
        ("SSL error: provider signature failure", "probe_sslrootcert"),
        ('server certificate for "a" does not match host name "b"', "probe_sslmode"),
        ('root certificate file "/root/.postgresql/root.crt" does not exist', "probe_sslrootcert"),
        ("server does not support SSL, but SSL was required", "probe_sslmode"),
        (
            'no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", no encryption',
            "probe_sslmode",
        ),
    ],
)
def test_probe(words: str, setting: str) -> None:
    assert setting in with_remedy(words, PROBE).removeprefix(words)


def test_what_is_not_known_stays_as_it_is() -> None:
    assert with_remedy("No route to host", of_etcd("http://etcd1:2379")) == "No route to host"
