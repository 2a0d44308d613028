"""The primary dies or hangs under writers, and a synchronous replica takes over."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres

from .conftest import Publisher, Writers

_numbers = itertools.count(1)
OUTAGE_S = 2.0


@pytest.fixture(scope="module")
def modules() -> tuple[str, ...]:
    return ("base", "web", "ha_test", "ha_failover")


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    with Postgres() as primary, primary.replica() as replica:
        yield primary, replica
        primary.thaw()


@pytest.mark.parametrize("end", [Postgres.kill, Postgres.freeze], ids=["killed", "frozen"])
@pytest.mark.parametrize("workers", [2, 0], ids=["prefork", "threaded"])
def test_every_write_is_there_once_and_nobody_is_told_otherwise(
    end: Callable[[Postgres], None],
    workers: int,
    pair: tuple[Postgres, Postgres],
    modules: tuple[str, ...],
    publisher: Publisher,
    writers: list[Writers],
) -> None:
    primary, replica = pair
    publisher.stable(primary, timeline=1)
    odoo = OdooServer(
        [primary, replica],
        f"moved_{next(_numbers)}",
        variant="suite",
        workers=workers,
        ha={"topology_path": publisher.path},
    )
    odoo.install(*modules)
    with odoo:
        users = Writers(odoo)
        writers.append(users)
        users.start(3)
        # Only now: the installation needn't wait for the replica.
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")
        time.sleep(1.5)
        assert users.acknowledged
        end(primary)
        publisher.lost()
        time.sleep(OUTAGE_S / 4)
        before = len(users.acknowledged)
        time.sleep(OUTAGE_S)
        assert len(users.acknowledged) == before, "nothing is acknowledged in the outage"
        replica.promote()
        publisher.stable(replica, timeline=2)
        time.sleep(1.5)
        users.stop()
        assert len(users.acknowledged) > before
        users.assert_exactly_once(replica)
