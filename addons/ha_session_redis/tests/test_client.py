"""Links to Redis: none is used by two at once, no answer reaches the wrong one, closed ones are left."""

import threading
from unittest.mock import patch

from odoo.tests import TransactionCase, tagged
from redis.connection import AbstractConnection

from .. import client, status
from ..client import Client, connect
from .common import PrivateStore


@tagged("post_install", "-at_install")
class TestClient(PrivateStore, TransactionCase):
    def setUp(self):
        super().setUp()
        if not isinstance(self.redis, Client):
            self.skipTest("a Cluster has redis-py's own client")

    def test_links_that_the_server_closed_cost_no_error(self):
        session = self.saved(uid=7)
        before = status.counters.errors
        link = self.redis.client_id()
        with connect(self.settings) as other, patch.object(client, "_TRUSTED", 0):
            other.client_kill_filter(_id=link)
            while str(link) in {one["id"] for one in other.client_list()}:
                pass
            self.assertEqual(self.store.get(session.sid).uid, 7)
            self.store.save(session)
        self.assertEqual(status.counters.errors, before)

    def test_a_link_that_the_server_has_just_closed_costs_another_try(self):
        session = self.saved(uid=7)
        link = self.redis.client_id()
        with connect(self.settings) as other:
            other.client_kill_filter(_id=link)
        session["uid"] = 8
        self.store.save(session)
        self.assertEqual(self.store.get(session.sid).uid, 8)

    def test_an_answer_that_nobody_waited_for_is_not_the_next_one_s(self):
        first, second = self.saved(number=1), self.saved(number=2)
        with (
            patch.object(AbstractConnection, "read_response", side_effect=KeyboardInterrupt),
            self.assertRaises(KeyboardInterrupt),
        ):
            self.store.get(first.sid)
        self.assertEqual(self.store.get(second.sid)["number"], 2)
        self.assertEqual(self.store.get(first.sid)["number"], 1)

    def test_an_error_that_redis_answers_costs_no_link(self):
        link = self.redis.client_id()
        for _ in range(3):
            with self.assertRaisesRegex(Exception, "unknown command"):
                self.redis.execute_command("NO_SUCH_COMMAND")
        self.assertEqual(self.redis.client_id(), link)

    def test_threads_share_no_link_and_reuse_them(self):
        sessions = [self.saved(number=number) for number in range(8)]
        wrong = []

        def read(session, number):
            for _ in range(50):
                found = self.store.get(session.sid)
                if found["number"] != number:
                    wrong.append((number, found["number"]))

        threads = [
            threading.Thread(target=read, args=item)
            for item in zip(sessions, range(8), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(wrong, [])
        self.assertLessEqual(len(self.redis._idle), 8)
