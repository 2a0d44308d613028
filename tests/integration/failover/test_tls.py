"""A PostgreSQL that lets in TLS alone: db_sslmode and libpq's environment count for every connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.health.conftest import gevent_port, probe
from tests.servers.addresses import wait_until
from tests.servers.authority import Authority
from tests.servers.odoo import OdooServer
from tests.servers.postgres import ODOO_ROLE, Postgres

from .conftest import Publisher

Pair = tuple[Path, Path]
CONNECTIONS = """
    SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
    WHERE usename = %s AND query ILIKE %s
"""
#: What was asked last by the health's connection beside the pool, and by the cron worker's from the pool.
QUERIES = {"health": "%pg_is_in_recovery%", "cron": "COMMIT"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture
def certificate(authority: Authority, postgres: Postgres) -> Pair:
    """The server's, which it shows; it lets in nobody without TLS."""
    pair = authority.issue("postgres", [postgres.address])
    postgres.require_tls(*pair)
    return pair


@pytest.fixture
def odoo(
    certificate: Pair, authority: Authority, postgres: Postgres, publisher: Publisher
) -> Iterator[OdooServer]:
    """No database but ``postgres`` is needed: the cron worker listens there, the health looks there."""
    publisher.stable(postgres, timeline=1)
    with OdooServer(
        postgres,
        "",
        variant="suite",
        workers=1,
        ha={"topology_path": publisher.path, "health_interval": 0.2},
        options={"db_name": "", "db_sslmode": "verify-full"},
        environment={"PGSSLROOTCERT": str(authority.certificate)},
    ) as odoo:
        yield odoo


def assert_connected_by_tls(odoo: OdooServer, postgres: Postgres) -> None:
    for who, query in QUERIES.items():

        def found(query: str = query) -> list[tuple[bool]]:
            probe(gevent_port(odoo))  # the first question begins the looks
            return postgres.execute(CONNECTIONS, [ODOO_ROLE, query])

        wait_until(found, timeout=60, what=f"the connection of {who}", interval=0.2)
        assert all(ssl for (ssl,) in found())


def test_no_connection_trusts_a_server_that_another_authority_vouches_for(
    odoo: OdooServer, certificate: Pair, postgres: Postgres, tmp_path: Path
) -> None:
    assert_connected_by_tls(odoo, postgres)
    assert probe(gevent_port(odoo)).json == {"status": "pass"}
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger", "a stranger")
    postgres.require_tls(*stranger.issue("postgres", [postgres.address]))
    postgres.terminate_backends("usename = %s", [ODOO_ROLE])
    wait_until(
        lambda: probe(gevent_port(odoo)).json != {"status": "pass"}, timeout=60, what="the health"
    )
    wait_until(
        lambda: "certificate verify failed" in odoo.log_text(),
        timeout=60,
        what="the reason in Odoo's log",
    )
    assert not postgres.execute(CONNECTIONS, [ODOO_ROLE, "%"]), "somebody trusted the stranger"
    postgres.require_tls(*certificate)
    assert_connected_by_tls(odoo, postgres)
    wait_until(
        lambda: probe(gevent_port(odoo)).json == {"status": "pass"}, timeout=60, what="the health"
    )
