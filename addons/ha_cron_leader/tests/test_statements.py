"""The one statement that acquires and renews."""

from concurrent.futures import ThreadPoolExecutor

import psycopg2.errors
from odoo.tests import tagged

from .common import LeaseCase


@tagged("post_install", "-at_install")
class TestStatements(LeaseCase):
    def test_first_comes_first_and_renews_with_its_token(self):
        granted, holder, token, remaining = self.acquire("one/1")
        self.assertEqual((granted, holder, token), (True, "one/1", 1))
        self.assertAlmostEqual(remaining, 15.0, delta=1)
        self.assertEqual(self.acquire("one/1")[:3], (True, "one/1", 1))

    def test_another_is_refused_and_told_for_how_long(self):
        self.acquire("one/1", lease=9.0)
        granted, holder, _token, remaining = self.acquire("two/1")
        self.assertEqual((granted, holder), (False, "one/1"))
        self.assertAlmostEqual(remaining, 9.0, delta=1)

    def test_a_refused_node_writes_nothing(self):
        self.acquire("one/1")
        query = "SELECT xmin, xmax, ctid FROM ha_cron_lease WHERE job_pool = %s"
        before = self.sql(query, self.pool)
        self.acquire("two/1")
        self.assertEqual(self.sql(query, self.pool), before)

    def test_the_token_rises_with_each_holder(self):
        self.acquire("one/1")
        self.expire()
        self.assertEqual(self.acquire("two/1")[:3], (True, "two/1", 2))
        self.assertEqual(self.acquire("one/1")[:3], (False, "two/1", 2))
        self.expire()
        self.assertEqual(self.acquire("one/1")[:3], (True, "one/1", 3))

    def test_a_holder_that_was_late_keeps_its_token_if_nobody_came_between(self):
        self.acquire("one/1")
        self.expire()
        self.assertEqual(self.acquire("one/1")[:3], (True, "one/1", 1))

    def test_released_is_free_at_once_and_only_by_its_holder(self):
        self.acquire("one/1")
        self.assertFalse(self.release("two/1"))
        self.assertTrue(self.release("one/1"))
        self.assertFalse(self.release("one/1"))
        self.assertEqual(self.acquire("two/1")[:3], (True, "two/1", 2))

    def test_the_row_names_the_session(self):
        self.acquire("one/1")
        ((here,),) = self.side.query("SELECT pg_backend_pid()", (), 5.0)
        ((pid,),) = self.sql("SELECT backend_pid FROM ha_cron_lease WHERE job_pool = %s", self.pool)
        self.assertEqual(pid, here)

    def try_acquire(self, holder, connection):
        """As the keeper takes it: the very first row may be made by two at once."""
        try:
            return self.acquire(holder, connection)
        except psycopg2.errors.UniqueViolation:
            return None

    def test_of_many_at_once_one_gets_it(self):
        connections = [self.connect() for _ in range(8)]
        for attempt in ("first", "expired"):
            holders = [f"node{number}/{attempt}" for number in range(8)]
            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(self.try_acquire, holders, connections))
            self.assertEqual(len([one for one in answers if one and one[0]]), 1)
            self.expire()

    def test_the_server_gives_up_too_and_forgets_the_bound(self):
        self.acquire("one/1")
        blocker = self.connect()
        blocker.query("BEGIN", (), 5.0)
        blocker.query("SELECT FROM ha_cron_lease WHERE job_pool = %s FOR UPDATE", (self.pool,), 5.0)
        with self.assertRaises(psycopg2.errors.QueryCanceled):
            self.acquire("one/1", timeout=0.3)
        self.assertEqual(self.side.query("SHOW statement_timeout", (), 5.0), [("0",)])
