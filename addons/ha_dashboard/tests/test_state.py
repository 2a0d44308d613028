"""What the page is told, and what the nodes write and send."""

import json
import time
from datetime import UTC, datetime, timedelta

from odoo.addons.ha_failover.marker import table
from odoo.tests import TransactionCase, tagged

from ..facts import gather, node_id

NOW = datetime.now(UTC)


def at(seconds):
    """RFC 3339, as the sidecar writes it."""
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def outage(**values):
    return {
        "began_at": at(-60),
        "kind": "failover",
        "reason": "",
        "old": "pg1",
        "old_timeline": 1,
        "new": "pg2",
        "timeline": 2,
        "isolated_at": at(-59),
        "elected_at": at(-58),
        "promoted_at": at(-57),
        "ended_at": at(-57),
        **values,
    }


@tagged("post_install", "-at_install")
class TestState(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nodes = cls.env["ha.dashboard.node"]
        cls.outages = cls.env["ha.dashboard.outage"]

    def told(self):
        """As it goes over the wire."""
        return json.loads(json.dumps(self.nodes.get_state()))

    def test_it_answers_within_its_patience_and_says_what_is_missing(self):
        began = time.monotonic()
        told = self.told()
        self.assertLess(time.monotonic() - began, 10)
        own = told["own"]
        self.assertEqual(own["node"], node_id())
        self.assertFalse(own["sidecar"]["answers"])
        # Redis and S3 are configured here, a sidecar is not.
        self.assertEqual([lack["name"] for lack in own["missing"]], ["sidecar"])
        self.assertEqual(own["sessions"]["state"], "closed")
        self.assertGreaterEqual(own["s3"]["away"], 0)  # other tests had it away in this process
        self.assertIn("main", [pool["pool"] for pool in told["pools"]])

    def test_a_migration_under_way_is_shown(self):
        migration = self.env["ha.attachment.migration"].create({"to": "s3"})
        self.assertEqual(self.told()["migrations"], [])
        migration.write({"state": "running", "total": 4, "looked_at": 1, "moved": 1})
        (shown,) = self.told()["migrations"]
        self.assertEqual((shown["moved"], shown["total"], shown["progress"]), (1, 4, 25.0))

    def test_a_report_tells_the_bus_only_while_somebody_looks(self):
        found = gather()
        group = self.env.ref("base.group_system")
        channel = json.dumps([self.env.cr.dbname, "res.groups", group.id], separators=(",", ":"))

        def sent():
            self.env.cr.precommit.run()
            return self.env["bus.bus"].search_count(
                [("channel", "=", channel), ("message", "like", "ha_dashboard/node")]
            )

        before = sent()
        self.assertEqual(self.nodes._report(found), (False, None))
        self.assertEqual(sent(), before)
        self.nodes.get_state()
        self.assertEqual(self.nodes._report(found), (True, None))
        self.assertEqual(sent(), before + 1)

    def test_an_outage_grows_and_keeps_what_was_known(self):
        cost = {"held": 3, "held_seconds": 4.5, "replayed": 1, "resolved": 0, "unanswered": 0}
        open_ = outage(new=None, timeline=None, promoted_at=None, ended_at=None, cost=cost)
        self.outages._record("one", [open_], time.time())
        self.assertEqual(self.outages._merged()[0]["ended_at"], None)
        # The node was restarted since: its cost isn't counted any more.
        self.outages._record("one", [outage(cost=None)], time.time())
        self.outages._record("two", [outage(began_at=at(-61), cost=cost)], time.time())
        (merged,) = self.outages._merged()
        self.assertEqual((merged["new"], merged["nodes"], merged["cost_nodes"]), ("pg2", 2, 2))
        self.assertEqual(merged["cost"]["held"], 6)
        self.assertEqual(merged["began_at"], at(-61))

    def test_the_first_write_is_that_of_the_first_marker(self):
        moments = (-58, -56, -55)
        for second in moments:
            moment = NOW + timedelta(seconds=second)
            token = str(table.new_token(int(moment.timestamp() * 1e9)))
            self.env.cr.execute(
                f"INSERT INTO {table.TABLE} (token, created_at) VALUES (%s::uuid, %s)",
                [token, moment],
            )
        self.outages._record("one", [outage(cost=None)], time.time())
        self.assertEqual(self.outages._merged()[0]["first_write_at"], at(-56))
