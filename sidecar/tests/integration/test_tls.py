"""etcd and PostgreSQL that speak TLS alone: the sidecar proves by it, and says what is wrong with it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from ha_sidecar.check import check
from ha_sidecar.config import load
from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.authority import Authority
from tests.servers.etcd import Etcd
from tests.servers.postgres import Postgres
from tests.servers.processes import discard

Pair = tuple[Path, Path]


@dataclass
class Secured:
    """The cluster, whose servers show a good certificate, and the sidecar's settings for it."""

    cluster: Cluster
    authority: Authority
    settings: dict[str, object]
    good: dict[str, Pair]
    stranger: Authority

    def present(self, server: str, pair: Pair) -> None:
        """Have ``server``, "etcd" or "pg1", show this certificate to new clients."""
        if server == "etcd":
            self.cluster.etcd.present(*pair)
        else:
            self.cluster.servers[server].require_tls(*pair)

    def bad(self, server: str, what: str) -> Pair:
        """Another certificate for ``server``: "foreign", "expired" or "misnamed"."""
        address = (self.cluster.etcd if server == "etcd" else self.cluster.servers[server]).address
        if what == "foreign":
            return self.stranger.issue(server, [address])
        elsewhere = what == "misnamed"
        return self.authority.issue(
            f"{what}-{server}", ["127.0.0.1" if elsewhere else address], expired=what == "expired"
        )


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "a stranger")
    with Etcd(authority=authority) as etcd, Postgres() as primary:
        good = {
            "etcd": authority.issue("good-etcd", [etcd.address]),
            "pg1": authority.issue("good-pg1", [primary.address]),
        }
        cluster = Cluster(etcd, {"pg1": primary})
        cluster.prepare()
        certificate, key = authority.issue("sidecar", [])
        settings: dict[str, object] = {
            "etcd_ca": str(authority.certificate),
            "etcd_cert": str(certificate),
            "etcd_key": str(key),
            "probe_sslmode": "verify-full",
            "probe_sslrootcert": str(authority.certificate),
        }
        yield Secured(cluster, authority, settings, good, stranger)


@pytest.fixture(autouse=True)
def certificates_are_good(secured: Secured) -> None:
    for server, pair in secured.good.items():
        secured.present(server, pair)


def told(sidecar: Sidecar, words: str) -> bool:
    return any(words in str(line) for line in sidecar.log() if line["level"] == "warning")


def test_it_watches_and_proves_by_tls(secured: Secured) -> None:
    cluster = secured.cluster
    with Sidecar(cluster, **secured.settings) as sidecar:
        sidecar.wait_for(state="stable", source="etcd", primary="pg1", timeout=30)
        ((ssl,),) = cluster.servers["pg1"].execute(
            "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            " WHERE usename = 'ha_sidecar'"
        )
        assert ssl
        cluster.elect(None)  # the watch tells of it
        sidecar.wait_for(state="switching", timeout=30)
        cluster.elect("pg1")
        sidecar.wait_for(state="stable", timeout=30)
        done = sidecar.check()
        assert done.stdout.endswith("all is well\n"), done.stdout


@pytest.mark.parametrize(
    ("what", "remedies"),
    [
        (
            "foreign",
            {"etcd": "etcd_ca should hold the CA", "pg1": "probe_sslrootcert should hold the CA"},
        ),
        (
            "expired",
            {
                "etcd": "etcd_endpoints: renew that server's certificate",
                "pg1": "certificate, and that must not have expired",
            },
        ),
        (
            "misnamed",
            {
                "etcd": "etcd_endpoints should name its server",
                "pg1": "probe_sslmode verify-full wants a certificate for the address",
            },
        ),
    ],
)
def test_a_certificate_that_is_no_good_is_named_and_its_successor_taken(
    secured: Secured, what: str, remedies: dict[str, str]
) -> None:
    for server in remedies:
        secured.present(server, secured.bad(server, what))
    with Sidecar(secured.cluster, **secured.settings) as sidecar:
        for server, remedy in remedies.items():
            sidecar.wait_for(state="lost", primary=None, timeout=30)
            wait_until(partial(told, sidecar, remedy), timeout=30, what=f"{remedy!r} in the log")
            secured.present(server, secured.good[server])
        sidecar.wait_for(state="stable", primary="pg1", timeout=30)


def test_what_the_sidecar_itself_lacks_is_named(secured: Secured) -> None:
    """It knocks without a certificate, with a stranger's, or without TLS."""
    without = {k: v for k, v in secured.settings.items() if k not in {"etcd_cert", "etcd_key"}}
    certificate, key = map(str, secured.stranger.issue("me", []))
    foreign = {"etcd_cert": certificate, "etcd_key": key}
    plain = {"etcd_endpoints": [secured.cluster.etcd.url.replace("https", "http")]}
    for settings, remedy in (
        (without, "set etcd_cert and etcd_key to one"),
        (without | foreign, "etcd_cert and etcd_key to one that it trusts"),
        (without | plain, "etcd_endpoints should begin with https://"),
        (secured.settings | {"probe_sslmode": "disable"}, "probe_sslmode should be require"),
    ):
        sidecar = Sidecar(secured.cluster, **settings)
        said = io.StringIO()
        assert check(load(sidecar.config, {}, {}), said) == 1
        assert remedy in said.getvalue()
        discard(sidecar.base)
