"""Notifications over websockets outlive the primary: heard again, caught up, subscribed anew."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.servers.odoo import OdooServer, Variant
from tests.servers.odoo_client import OdooClient
from tests.servers.postgres import Postgres
from tests.servers.websocket_client import BusClient

from .conftest import Publisher

_numbers = itertools.count(1)
#: Goal: 2 s; the rest is for a busy machine.
BACK_S = 4.0


@dataclass
class Scene:
    """An Odoo on a primary with a replica, a user of it, and the user's websocket."""

    primary: Postgres
    replica: Postgres
    publisher: Publisher
    odoo: OdooServer
    user: OdooClient
    bus: BusClient

    def send(self, message: str, channel: str = "room") -> None:
        self.user.call("ha.test.row", "notify", channel, message)

    def write_silently(self, message: str, channel: str = "room") -> None:
        """A notification whose NOTIFY nobody heard."""
        self.replica.execute(
            "INSERT INTO bus_bus (channel, message, create_date)"
            " VALUES (%s, %s, now() AT TIME ZONE 'UTC')",
            [
                json.dumps([self.odoo.dbname, channel], separators=(",", ":")),
                json.dumps({"type": "ha_test", "payload": message}),
            ],
            dbname=self.odoo.dbname,
        )

    def end_primary(self, end: Callable[[Postgres], None]) -> None:
        self.primary.wait_for_replica(self.replica)
        end(self.primary)
        self.publisher.lost()

    def promote(self) -> None:
        self.replica.promote()
        self.publisher.stable(self.replica, timeline=2)


@pytest.fixture
def scene(request: pytest.FixtureRequest, publisher: Publisher) -> Iterator[Scene]:
    variant: Variant
    variant, workers = request.param
    with ExitStack() as stack:
        primary = stack.enter_context(Postgres())
        replica = stack.enter_context(primary.replica())
        stack.callback(primary.thaw)
        publisher.stable(primary, timeline=1)
        odoo = OdooServer(
            [primary, replica],
            f"bus_{next(_numbers)}",
            variant=variant,
            workers=workers,
            options={"max_cron_threads": 0},
            ha={"topology_path": publisher.path} if variant == "suite" else {},
        )
        odoo.install("base", "web", "bus", "ha_test", *["ha_failover"] * (variant == "suite"))
        stack.enter_context(odoo)
        user = odoo.client()
        user.login(odoo.dbname)
        bus = BusClient(odoo.gevent_url if workers else odoo.url, user)
        stack.callback(bus.close)
        scene = Scene(primary, replica, publisher, odoo, user, bus)
        bus.subscribe("room")
        scene.send("first")
        bus.wait_for("first", timeout=10)
        yield scene


ENDS = pytest.mark.parametrize("end", [Postgres.kill, Postgres.freeze], ids=["killed", "frozen"])
SUITE = pytest.mark.parametrize(
    "scene", [("suite", 2), ("suite", 0)], ids=["gevent", "threads"], indirect=True
)
STOCK = pytest.mark.parametrize("scene", [("stock", 0)], ids=["stock"], indirect=True)


@SUITE
@ENDS
def test_what_was_missed_is_delivered_and_what_follows_too(
    scene: Scene, end: Callable[[Postgres], None]
) -> None:
    scene.end_primary(end)
    time.sleep(1)
    scene.replica.promote()
    scene.write_silently("missed")
    scene.publisher.stable(scene.replica, timeline=2)
    took = scene.bus.wait_for("missed", timeout=BACK_S)
    print(f"caught up {took:.2f} s after the new primary was published")
    scene.send("next")
    scene.bus.wait_for("next", timeout=BACK_S)
    assert scene.bus.messages == ["first", "missed", "next"]
    assert "Traceback" not in scene.odoo.log_text()


@SUITE
def test_a_subscription_in_the_outage_is_answered_after_it(scene: Scene) -> None:
    scene.end_primary(Postgres.kill)
    scene.bus.subscribe("room", "other room")
    time.sleep(1)
    scene.promote()
    scene.send("for the other room", "other room")
    scene.bus.wait_for("for the other room", timeout=BACK_S)


@pytest.mark.parametrize("scene", [("suite", 2)], ids=["gevent"], indirect=True)
def test_ids_that_went_back_are_heard(scene: Scene) -> None:
    """An asynchronous replica lacks the last notifications, and their ids are given again."""
    scene.primary.wait_for_replica(scene.replica)
    scene.replica.stop_following()
    # More than the ids that a promotion skips.
    for number in range(50):
        scene.send(f"lost {number}")
    scene.bus.wait_for("lost 49", timeout=10)
    highest = scene.bus.last
    scene.primary.kill()
    scene.publisher.lost()
    scene.promote()
    time.sleep(2)
    scene.send("heard")
    scene.bus.wait_for("heard", timeout=BACK_S)
    (newest,) = scene.replica.execute(
        "SELECT last_value FROM bus_bus_id_seq", dbname=scene.odoo.dbname
    )[0]
    assert newest <= highest, "the ids went back"


@STOCK
def test_stock_hears_nothing_for_long(scene: Scene) -> None:
    scene.end_primary(Postgres.kill)
    time.sleep(1)
    scene.promote()
    scene.write_silently("missed")
    scene.send("next")
    assert scene.bus.receive(3 * BACK_S) == ["first"]


@STOCK
def test_stock_swallows_a_subscription_in_the_outage(scene: Scene) -> None:
    scene.end_primary(Postgres.kill)
    scene.bus.subscribe("room", "other room")
    time.sleep(1)
    scene.promote()
    scene.bus.receive(55)  # it listens again after 50 s
    scene.send("next")
    scene.send("for the other room", "other room")
    scene.bus.wait_for("next", timeout=BACK_S)
    assert "for the other room" not in scene.bus.receive(BACK_S)
