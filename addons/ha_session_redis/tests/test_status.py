"""What is counted of the store, for metrics."""

import time

from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from .. import status
from .common import PrivateStore


@tagged("post_install", "-at_install")
class TestStatus(PrivateStore, TransactionCase):
    def setUp(self):
        super().setUp()
        self.patch(status, "counters", status.Counters())

    def test_hits_misses_and_how_long_each_operation_took(self):
        session = self.saved()
        self.store.get(self.store.generate_key())
        self.store.rotate(session, self.env)
        self.store.delete_from_identifiers([session.sid[:42]])
        self.assertEqual((status.counters.hits, status.counters.misses), (1, 1))
        self.assertEqual(status.counters.errors, 0)
        taken = status.latencies()
        self.assertEqual(set(taken), {"read", "save", "end", "revoke"})
        for latency in taken.values():
            self.assertGreater(latency.seconds, 0)
            self.assertEqual(sum(latency.buckets), latency.operations)

    def test_slow_operations_are_counted(self):
        for seconds in (0.001, status.SLOW, status.SLOW * 1.01, 60):
            status.counters.answered("read", seconds)
        counted = status.session_store()
        self.assertEqual((counted["operations"], counted["slow_operations"]), (4, 2))

    @mute_logger("odoo.addons.ha_session_redis.connection", "odoo.addons.ha_session_redis.store")
    def test_the_time_without_redis_is_counted(self):
        session = self.logged_in()
        self.assertEqual(status.counters.degraded_seconds, 0)
        self.redis_goes_away()
        self.assertTrue(self.exists(session))
        time.sleep(0.2)
        self.redis_comes_back()
        self.assertGreater(status.counters.errors, 0)
        self.assertGreater(status.counters.fallback_reads, 0)
        self.assertGreater(status.counters.degraded_seconds, 0.2)
