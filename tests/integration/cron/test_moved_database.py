"""The lease and its leader outlive a failover of the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

from ..failover.conftest import Publisher

LEASE_S = 6.0


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    with Postgres() as primary, primary.replica() as replica:
        yield primary, replica
        primary.thaw()


@pytest.mark.parametrize(
    ("end", "with_sidecar"),
    [(Postgres.kill, False), (Postgres.freeze, True)],
    ids=["killed, libpq searches", "frozen, the topology tells"],
)
def test_the_leader_goes_on_with_its_token(
    end: Callable[[Postgres], None],
    with_sidecar: bool,
    pair: tuple[Postgres, Postgres],
    tmp_path: Path,
) -> None:
    primary, replica = pair
    with Publisher(tmp_path / "topology.json") as publisher:
        publisher.stable(primary, timeline=1)
        path = publisher.path if with_sidecar else tmp_path / "none.json"
        odoo = OdooServer(
            [primary, replica],
            "moved",
            variant="suite",
            workers=1,
            ha={"topology_path": path, "cron_lease": LEASE_S, "node_id": "one"},
        )
        odoo.install("base", "web", "ha_cron_leader")
        with odoo:

            def lease(server: Postgres) -> tuple[str, int, bool] | None:
                rows = server.execute(
                    "SELECT split_part(holder, '/', 1), token,"
                    " expires_at > now() AT TIME ZONE 'UTC' FROM ha_cron_lease",
                    dbname="moved",
                )
                return rows[0] if rows else None  # type: ignore[return-value]

            wait_until(
                lambda: lease(primary) == ("one", 1, True), timeout=20, what="node one leads"
            )
            primary.execute("CHECKPOINT")
            primary.wait_for_replica(replica)
            end(primary)
            publisher.lost()
            time.sleep(1)
            replica.promote()
            publisher.stable(replica, timeline=2)
            # Its renewals stop for a while, and then go on, on the new primary.
            expires = "SELECT expires_at FROM ha_cron_lease"
            before = replica.execute(expires, dbname="moved")
            wait_until(
                lambda: replica.execute(expires, dbname="moved") > before,
                timeout=LEASE_S + 2,
                what="it renews on the new primary",
            )
            assert lease(replica) == ("one", 1, True)
            assert "lost the lease" not in odoo.log_text()
            replica.execute(
                "UPDATE ir_cron SET nextcall = '2020-01-01', lastcall = NULL"
                " WHERE cron_name = 'Base: Auto-vacuum internal data'",
                dbname="moved",
            )
            replica.execute("SELECT pg_notify('cron_trigger', 'moved')")
            wait_until(
                lambda: (
                    replica.execute(
                        "SELECT lastcall IS NOT NULL FROM ir_cron"
                        " WHERE cron_name = 'Base: Auto-vacuum internal data'",
                        dbname="moved",
                    )
                    == [(True,)]
                ),
                timeout=30,
                interval=1,
                what="jobs run on the new primary",
            )
