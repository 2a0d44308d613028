"""Odoo behind a PgBouncer that is repointed late, in both modes, and never gets the wrong server."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgres import Postgres

from .conftest import Publisher, Writers

_numbers = itertools.count(1)
#: Seconds for which the pooler still points to the former primary though a new one is published.
LATE = 1.0


def live_on(_server: Postgres) -> None:
    """The worst of faults: it is deposed and doesn't know."""


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    with Postgres() as primary, primary.replica() as replica:
        yield primary, replica
        primary.thaw()


@pytest.fixture(params=["session", "transaction"])
def pooler(request: pytest.FixtureRequest, pair: tuple[Postgres, Postgres]) -> Iterator[PgBouncer]:
    with PgBouncer(pair[0], pool_mode=request.param, pool_size=30) as pooler:
        yield pooler


def behind(
    pooler: PgBouncer, server: Postgres, publisher: Publisher, workers: int, **options: object
) -> OdooServer:
    return OdooServer(
        server,
        f"pooled_{next(_numbers)}",
        variant="suite",
        workers=workers,
        ha={"topology_path": publisher.path, "database_route": "pooler"},
        options={"db_host": pooler.address, "db_port": pooler.port, **options},
    )


@pytest.mark.parametrize(
    "end", [Postgres.kill, Postgres.freeze, live_on], ids=["killed", "frozen", "deposed"]
)
def test_every_write_is_there_once_and_nobody_is_told_otherwise(
    end: Callable[[Postgres], None],
    pair: tuple[Postgres, Postgres],
    pooler: PgBouncer,
    publisher: Publisher,
    writers: list[Writers],
) -> None:
    primary, replica = pair
    ((identifier,),) = primary.execute("SELECT system_identifier::text FROM pg_control_system()")
    publisher.stable(primary, timeline=1, system_identifier=identifier)
    odoo = behind(pooler, primary, publisher, workers=2)
    odoo.install("base", "web", "ha_test", "ha_failover")
    with odoo:
        users = Writers(odoo)
        writers.append(users)
        users.start(3)
        if end is not live_on:
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
        wait_until(lambda: len(users.acknowledged) > 5, timeout=30, what="writes")
        end(primary)
        publisher.lost()
        time.sleep(LATE)
        if end is live_on:
            primary.wait_for_replica(replica)
        replica.promote()
        before = len(users.acknowledged)
        publisher.stable(replica, timeline=2, system_identifier=identifier)
        time.sleep(LATE)
        assert len(users.acknowledged) == before, "the former primary was taken for the new one"
        pooler.point_to(replica)
        pooler.reload()
        wait_until(lambda: len(users.acknowledged) > before + 5, timeout=30, what="writes again")
        users.stop()
        users.assert_exactly_once(replica)


def test_a_listening_database_pooled_by_transaction_is_told(
    pair: tuple[Postgres, Postgres], pooler: PgBouncer, publisher: Publisher
) -> None:
    primary, _ = pair
    ((identifier,),) = primary.execute("SELECT system_identifier::text FROM pg_control_system()")
    publisher.stable(primary, timeline=1, system_identifier=identifier)
    # No database but ``postgres`` is needed: the cron thread listens there first of all.
    odoo = behind(pooler, primary, publisher, workers=0, db_name=False)
    listens = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = 'postgres' AND usename = 'odoo'"
        " AND query ILIKE 'COMMIT'"
    )
    words = "Database postgres is pooled by transaction"
    with odoo:
        wait_until(
            lambda: primary.execute(listens),
            timeout=30,
            what="the cron thread listens",
        )
        assert words not in odoo.log_text()
        text = pooler.databases_file.read_text().replace("=session", "=transaction")
        pooler.databases_file.write_text(text)
        pooler.reload()
        odoo.stop()
        odoo.start()
        wait_until(lambda: words in odoo.log_text(), timeout=30, what="it is told")
