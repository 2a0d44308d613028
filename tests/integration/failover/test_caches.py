"""A replica that lagged is promoted: what was cached of the lost transactions must go."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.servers.odoo import OdooServer, Variant
from tests.servers.odoo_client import NoAnswer, OdooClient, OdooFault
from tests.servers.postgres import Postgres

from .conftest import Publisher


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    with Postgres() as primary, primary.replica() as replica:
        yield primary, replica


def read(client: OdooClient, dbname: str) -> str:
    """The parameter's value; stock may need another login."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return str(client.call("ir.config_parameter", "get_param", "ha_test"))
        except (NoAnswer, OdooFault):
            if time.monotonic() > deadline:
                raise
        try:
            client.login(dbname)
        except (NoAnswer, OdooFault):
            time.sleep(0.5)


def installed(
    pair: tuple[Postgres, Postgres], variant: Variant, topology_path: object
) -> OdooServer:
    """An Odoo whose processes cache, with its database."""
    odoo = OdooServer(
        pair,
        "cached",
        variant=variant,
        options={"max_cron_threads": 0},
        ha={"topology_path": topology_path} if variant == "suite" else {},
    )
    odoo.install("base", "web", *["ha_failover"] * (variant == "suite"))
    return odoo


def signals(server: Postgres, dbname: str) -> dict[str, int]:
    tables = server.execute(
        "SELECT tablename FROM pg_tables WHERE tablename LIKE 'orm_signaling_%%'", dbname=dbname
    )
    return {
        table: server.execute(f"SELECT max(id) FROM {table}", dbname=dbname)[0][0]
        for (table,) in tables
    }


def replayed(replica: Postgres, timeline: int) -> list[dict[str, object]]:
    """The topology document's replicas, as the sidecar would see them now."""
    lsn = replica.execute("SELECT pg_last_wal_replay_lsn()::text")[0][0]
    return [{"name": replica.address, "timeline": timeline, "replay_lsn": lsn}]


@pytest.mark.parametrize(
    ("variant", "with_sidecar", "expected"),
    [("stock", False, "lost"), ("suite", True, "kept"), ("suite", False, "kept")],
    ids=["stock", "suite", "suite without sidecar"],
)
def test_what_was_lost_is_not_served(
    variant: Variant,
    with_sidecar: bool,
    expected: str,
    pair: tuple[Postgres, Postgres],
    publisher: Publisher,
) -> None:
    primary, replica = pair
    publisher.stable(primary, timeline=1)
    with installed(pair, variant, publisher.path if with_sidecar else "/nonexistent") as odoo:
        client = odoo.client()
        client.login(odoo.dbname)
        client.call("ir.config_parameter", "set_param", "ha_test", "kept")
        primary.wait_for_replica(replica)
        replica.stop_following()
        client.call("ir.config_parameter", "set_param", "ha_test", "lost")
        assert read(client, odoo.dbname) == "lost"
        assert read(client, odoo.dbname) == "lost"  # and what was cached then has a bound
        publisher.replicas = replayed(replica, 1)
        publisher.publish()
        time.sleep(0.5)  # all processes have read it
        reached = signals(primary, odoo.dbname)
        primary.kill()
        publisher.lost()
        replica.promote()
        # Others write there: the sequences are the same again, the parameter is not.
        for table, number in signals(replica, odoo.dbname).items():
            if number < reached[table]:
                replica.execute(
                    f"INSERT INTO {table} (id) VALUES (%s)", [reached[table]], dbname=odoo.dbname
                )
        assert signals(replica, odoo.dbname) == reached
        publisher.stable(replica, timeline=2)
        assert read(client, odoo.dbname) == expected


def test_what_was_not_lost_stays(
    pair: tuple[Postgres, Postgres],
    publisher: Publisher,
) -> None:
    primary, replica = pair
    publisher.stable(primary, timeline=1)
    with installed(pair, "suite", publisher.path) as odoo:
        client = odoo.client()
        client.login(odoo.dbname)
        client.call("ir.config_parameter", "set_param", "ha_test", "kept")
        for _ in range(3):
            assert read(client, odoo.dbname) == "kept"
        primary.wait_for_replica(replica)
        publisher.replicas = replayed(replica, 1)
        publisher.publish()
        time.sleep(0.5)  # all processes have read it
        primary.kill()
        publisher.lost()
        replica.promote()
        # Not told to anybody: only who asks the database again sees it.
        replica.execute(
            "UPDATE ir_config_parameter SET value = 'asked again' WHERE key = 'ha_test'",
            dbname=odoo.dbname,
        )
        publisher.stable(replica, timeline=2)
        assert read(client, odoo.dbname) == "kept"
        assert "caches cleared that change often" in odoo.log_text()
