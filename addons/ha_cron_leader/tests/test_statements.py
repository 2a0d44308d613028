"""The one statement that acquires and renews."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2.errors
from odoo.tests import tagged

from .. import statements
from ..presence import key
from .common import LeaseCase


@tagged("post_install", "-at_install")
class TestStatements(LeaseCase):
    def test_first_comes_first_and_renews_with_its_token(self):
        granted, holder, token, remaining, *_ = self.acquire("one/1")
        self.assertEqual((granted, holder, token), (True, "one/1", 1))
        self.assertAlmostEqual(remaining, 15.0, delta=1)
        self.assertEqual(self.acquire("one/1")[:3], (True, "one/1", 1))

    def test_another_is_refused_and_told_for_how_long(self):
        self.acquire("one/1", lease=9.0)
        granted, holder, _token, remaining, *_ = self.acquire("two/1")
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

    def watched_session(self, holder):
        """As a keeper holds it: a shared lock in the database postgres."""
        session = self.connect("postgres")
        session.query(
            "SELECT pg_advisory_lock_shared(%s, %s)",
            (statements.PRESENCE_CLASS, key(holder)),
            5.0,
        )
        return session

    def test_who_stopped_does_not_take_it_back_by_a_renewal_under_way(self):
        self.acquire("one/1")
        self.release("one/1", "stopped")
        self.assertFalse(self.acquire("one/1")[0], "that process is about to end")
        self.assertTrue(self.acquire("two")[0])
        self.release("two", "stopped")
        self.assertTrue(self.acquire("one/2")[0], "the node's next life is another holder")

    def test_who_handed_over_may_take_it_back(self):
        self.acquire("one")
        self.release("one", "handed over")
        self.assertTrue(self.acquire("one")[0])

    def test_a_holder_whose_session_lives_is_present_and_keeps_its_lease(self):
        session = self.watched_session("one/1")
        self.acquire("one/1", session=session)
        granted, holder, _token, _remaining, *_, present = self.acquire("two/1", gone="one/1")
        self.assertEqual((granted, holder, present), (False, "one/1", True))

    def test_a_holder_whose_session_is_gone_is_followed_by_who_saw_it_end(self):
        session = self.watched_session("one/1")
        self.acquire("one/1", session=session)
        session.close()
        # A backend takes a moment to notice that its client went away.
        query = "SELECT count(*) FROM pg_locks WHERE classid = %s AND objid = %s"
        for _ in range(200):
            if self.sql(query, statements.PRESENCE_CLASS, key("one/1")) == [(0,)]:
                break
            time.sleep(0.05)
        self.assertFalse(self.acquire("two/1")[0], "it was taken by who had only polled")
        self.assertEqual(self.acquire("two/1", gone="one/1")[:3], (True, "two/1", 2))
        self.assertEqual(self.column("reason"), "gone")
        self.assertEqual(self.column("previous"), "one/1")

    def test_a_session_on_another_server_proves_nothing(self):
        """After a failover or a restart all of those locks are gone."""
        session = self.watched_session("one/1")
        self.acquire("one/1", session=session, server="978307200.000000")
        session.close()
        *_, present = self.acquire("one/1")
        self.assertFalse(present)
        self.assertFalse(self.acquire("two/1", gone="one/1")[0])

    def test_a_holder_without_a_session_has_to_run_out(self):
        self.acquire("one/1")
        self.assertFalse(self.acquire("two/1", gone="one/1")[0])

    def test_who_prefers_the_pool_more_asks_for_it_once_and_gets_it(self):
        other = f"{self.pool}-other"
        self.addCleanup(self.sql, "DELETE FROM ha_cron_lease WHERE job_pool = %s", other)
        self.ask("one/1", pools=[other, self.pool])
        self.assertFalse(self.yields("one/1", [other, self.pool]))
        self.assertFalse(self.acquire("two/1")[0])
        self.assertTrue(self.yields("one/1", [other, self.pool]))
        before = self.sql("SELECT xmin FROM ha_cron_lease WHERE job_pool = %s", self.pool)
        self.assertFalse(self.acquire("two/1")[0])
        after = self.sql("SELECT xmin FROM ha_cron_lease WHERE job_pool = %s", self.pool)
        self.assertEqual(after, before, "it asked again")
        self.release("one/1", "handed over")
        self.assertFalse(self.ask("one/1", pools=[other, self.pool])[1][1], "it took it back")
        self.assertFalse(self.ask("three/1", pools=[other, self.pool])[1][1], "a third took it")
        self.assertEqual(self.acquire("two/1")[:3], (True, "two/1", 2))
        self.assertEqual(self.column("reason"), "handed over")
        self.assertTrue(self.ask("one/1", pools=[other, self.pool])[0][1], "the other pool stays")

    def yields(self, holder, pools):
        rows = {row[0]: row for row in self.ask(holder, pools=pools)}
        return rows[self.pool][6]

    def test_who_stepped_down_does_not_take_it_back_at_once(self):
        self.acquire("one/1")
        self.sql(statements.STEP_DOWN, self.pool)
        self.assertTrue(self.acquire("one/1")[5])
        self.release("one/1", "handed over")
        self.assertFalse(self.acquire("one/1")[0])
        self.assertEqual(self.acquire("two/1")[:3], (True, "two/1", 2))
        self.assertFalse(self.acquire("two/1")[5])

    def test_a_paused_pool_is_led_and_says_so(self):
        self.side.query(statements.PAUSE, {"pool": self.pool, "paused": True}, 5.0)
        self.assertEqual(self.acquire("one/1")[:2], (True, "one/1"))
        self.assertTrue(self.acquire("one/1")[4])
        self.side.query(statements.PAUSE, {"pool": self.pool, "paused": False}, 5.0)
        self.assertFalse(self.acquire("one/1")[4])

    def column(self, name):
        query = f"SELECT {name} FROM ha_cron_lease WHERE job_pool = %s"
        return self.sql(query, self.pool)[0][0]

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
