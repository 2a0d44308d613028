"""What a deposed leader's jobs try to commit is rolled back."""

import threading
import time

import psycopg2.errors
from odoo import sql_db
from odoo.tests import tagged

from .. import fence
from ..errors import LeaseLost
from .common import LeaseCase

KEY = "ha_cron_leader.test"


@tagged("post_install", "-at_install")
class TestFence(LeaseCase):
    def setUp(self):
        super().setUp()
        self.key = f"{KEY}.{self.pool}"
        self.addCleanup(self.sql, "DELETE FROM ir_config_parameter WHERE key = %s", self.key)

    def cursor(self):
        """A real one, as a job has it, not the test's."""
        cursor = sql_db.db_connect(self.database).cursor()
        self.addCleanup(cursor.close)
        return cursor

    def put(self, cursor):
        cursor.execute("INSERT INTO ir_config_parameter (key, value) VALUES (%s, 'x')", [self.key])

    def written(self):
        query = "SELECT count(*) FROM ir_config_parameter WHERE key = %s"
        return bool(self.sql(query, self.key)[0][0])

    def job(self, lease):
        """Context in which commits are those of a job under ``lease``."""
        self.enterContext(fence.commits_checked(lease))

    def test_the_leaders_commit_passes(self):
        self.acquire("one/1")
        self.job(self.lease("one/1", 1))
        cursor = self.cursor()
        self.put(cursor)
        cursor.commit()
        self.assertTrue(self.written())

    def test_a_deposed_leaders_commit_is_refused_on_every_cursor(self):
        self.acquire("one/1")
        self.job(self.lease("one/1", 1))
        self.expire()
        self.acquire("two/1")
        for cursor in (self.cursor(), self.cursor()):
            self.put(cursor)
            with self.assertRaises(LeaseLost):
                cursor.commit()
            cursor.rollback()
        self.assertFalse(self.written())

    def test_deposed_after_the_transaction_began(self):
        """Its snapshot still shows the old grant."""
        self.acquire("one/1")
        self.job(self.lease("one/1", 1))
        cursor = self.cursor()
        self.put(cursor)
        self.expire()
        self.acquire("two/1")
        with self.assertRaises(LeaseLost) as raised:
            cursor.commit()
        self.assertIsInstance(raised.exception.__cause__, psycopg2.errors.SerializationFailure)
        cursor.rollback()
        self.assertFalse(self.written())

    def test_renewals_during_a_long_transaction_are_no_conflict(self):
        self.acquire("one/1")
        self.job(self.lease("one/1", 1))
        cursor = self.cursor()
        self.put(cursor)
        for _ in range(30):
            self.acquire("one/1")
        cursor.commit()
        self.assertTrue(self.written())

    def test_the_same_token_of_another_holder_is_no_grant(self):
        """As after the loss of a commit in an asynchronous failover."""
        self.acquire("two/1")
        self.job(self.lease("one/1", 1))
        cursor = self.cursor()
        self.put(cursor)
        with self.assertRaises(LeaseLost):
            cursor.commit()

    def test_a_new_grant_waits_for_a_commit_that_was_checked(self):
        self.acquire("one/1")
        self.expire()
        self.job(self.lease("one/1", 1))
        cursor = self.cursor()
        self.put(cursor)
        fence.check(cursor)
        answers = []
        taker = threading.Thread(target=lambda: answers.append(self.acquire("two/1")))
        taker.start()
        time.sleep(0.3)
        self.assertFalse(answers, "it was granted while the old leader was committing")
        cursor._cnx.commit()
        taker.join(5)
        self.assertEqual(answers[0][:3], (True, "two/1", 2))
        self.assertTrue(self.written())

    def test_a_renewal_does_not_wait_for_it(self):
        self.acquire("one/1")
        self.job(self.lease("one/1", 1))
        cursor = self.cursor()
        self.put(cursor)
        fence.check(cursor)
        self.assertEqual(self.acquire("one/1", timeout=0.5)[:3], (True, "one/1", 1))

    def test_results_can_be_read_after_the_commit(self):
        self.acquire("one/1")
        self.job(self.lease("one/1", 1))
        cursor = self.cursor()
        cursor.execute("SELECT 7")
        cursor.commit()
        self.assertEqual(cursor.fetchone(), (7,))

    def test_a_read_only_cursor_is_left_alone(self):
        """It could not take the lock, and has nothing to commit."""
        self.acquire("one/1")
        self.job(self.lease("one/1", 1))
        cursor = self.cursor()
        cursor.connection.set_session(readonly=True)
        cursor.execute("SELECT 7")
        cursor.commit()
        self.assertEqual(cursor.fetchone(), (7,))

    def test_outside_of_a_job_nothing_is_checked(self):
        self.acquire("two/1")
        with fence.leading({self.pool: self.lease("one/1", 1)}):
            cursor = self.cursor()
            self.put(cursor)
            cursor.commit()
        self.assertTrue(self.written())

    def test_a_failed_transaction_ends_as_in_stock(self):
        """PostgreSQL makes a rollback of its commit; the check must not be in the way."""
        self.acquire("one/1")
        self.job(self.lease("one/1", 1))
        cursor = self.cursor()
        self.put(cursor)
        with self.assertRaises(psycopg2.errors.DivisionByZero):
            cursor.execute("SELECT 1 / 0", log_exceptions=False)
        cursor.commit()
        self.assertFalse(self.written())
