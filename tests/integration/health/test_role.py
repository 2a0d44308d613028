"""Disaster: stock health passes on a standby, where every write fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer, Variant
from tests.servers.postgres import Postgres

from .conftest import StartOdoo, gevent_port, probe, worker_port

#: With a Host header, or stock doesn't get that far.
HOST = "Host: odoo\r\n"


@pytest.fixture
def standby(own_postgres: Postgres) -> Iterator[Postgres]:
    with own_postgres.replica() as server:
        yield server


@pytest.mark.parametrize("workers", [0, 1])
def test_on_a_standby(
    variant: Variant, workers: int, standby: Postgres, own_postgres: Postgres
) -> None:
    # Without db_name, or Odoo doesn't even start there.
    options = {"db_name": "", "max_cron_threads": 0}
    with OdooServer(standby, "", variant=variant, workers=workers, options=options) as odoo:
        for port in [worker_port(odoo)] + [gevent_port(odoo)] * bool(workers):
            answer = probe(port, headers=HOST)
            if variant == "stock":
                assert (answer.status, answer.json) == (200, {"status": "pass"})
                continue
            assert (answer.status, answer.json) == (503, {"status": "fail"})
            assert probe(port, "/web/health?role=standby").json == {"status": "pass"}
            assert probe(port, "/web/health?probe=live").json == {"status": "pass"}
            assert probe(port, "/web/health?probe=startup").status == 503
            if workers:
                continue
            _lag(port, standby, own_postgres)
            standby.promote()
            wait_until(lambda port=port: probe(port).status == 200, timeout=5, what="it passes")  # type: ignore[misc]


def _lag(port: tuple[str, int], standby: Postgres, primary: Postgres) -> None:
    """The standby passes while it is as near to its primary as the caller wants."""

    def becomes(expected: int, lag: str) -> None:
        path = f"/web/health?role=standby&lag={lag}"
        wait_until(
            lambda: probe(port, path).status == expected, timeout=30, what=f"{lag}: {expected}"
        )

    becomes(200, "1MB")
    becomes(200, "30s")
    standby.execute("SELECT pg_wal_replay_pause()")
    primary.execute("CREATE TABLE lag AS SELECT generate_series(1, 100000) AS n")
    becomes(503, "1MB")
    becomes(503, "500ms")
    assert probe(port, "/web/health?role=standby&lag=1GB").status == 200
    assert probe(port, "/web/health?role=standby").status == 200
    standby.execute("SELECT pg_wal_replay_resume()")
    becomes(200, "1MB")
    # Cut off from its primary it can't know how far it is behind.
    primary.kill()
    becomes(503, "1TB")
    assert probe(port, "/web/health?role=standby").status == 200


@pytest.mark.parametrize("variant", ["suite"])
def test_an_outage_warns_until_the_hold_budget_is_spent(
    start_odoo: StartOdoo, postgres: Postgres
) -> None:
    odoo = start_odoo(
        workers=1, ha={"hold_timeout": 4, "health_interval": 0.2, "health_timeout": 0.5}
    )
    port = gevent_port(odoo)
    assert probe(port).json == {"status": "pass"}
    postgres.execute("CHECKPOINT")  # a copied database's sequences don't survive a crash else
    postgres.kill()
    wait_until(lambda: probe(port).json != {"status": "pass"}, timeout=3, what="it notices")
    warned = probe(port)
    assert (warned.status, warned.json) == (200, {"status": "warn"})
    assert probe(port, "/web/health?db_server_status=1").status == 500
    took = wait_until(lambda: probe(port).status == 503, timeout=8, what="the budget is spent")
    assert 2.5 < took < 5.5
    assert probe(port, "/web/health?probe=startup").status == 200
    postgres.start()
    wait_until(lambda: probe(port).json == {"status": "pass"}, timeout=3, what="it passes again")


@pytest.mark.parametrize("variant", ["suite"])
def test_a_read_only_primary_fails(start_odoo: StartOdoo, postgres: Postgres) -> None:
    odoo = start_odoo(ha={"health_interval": 0.2})
    postgres.execute(f'ALTER DATABASE "{odoo.dbname}" SET default_transaction_read_only = on')
    assert probe(worker_port(odoo)).status == 503
