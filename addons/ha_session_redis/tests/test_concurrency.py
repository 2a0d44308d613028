"""Many threads on one session: nobody resurrects it, nobody loses a login."""

import functools
import os
import random
import threading

from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from .common import IDENTIFIER, PrivateStore

#: HA_TEST_LONG=1 is the long run: ten thousand operations by fifty threads, and more.
LONG = bool(os.environ.get("HA_TEST_LONG"))
THREADS = 50 if LONG else 12
ROUNDS = 200 if LONG else 40


@tagged("post_install", "-at_install")
class TestConcurrency(PrivateStore, TransactionCase):
    def setUp(self):
        super().setUp()
        # The token needs SQL, and a test has one cursor for all of its threads.
        self.patch(type(self.store), "_renew", self._renew)

    @staticmethod
    def _renew(store, session, env):
        session.session_token = f"token of {session.sid}"
        session.should_rotate = False

    def _together(self, *calls):
        """Run all calls at once; their exceptions are the test's."""
        errors = []
        barrier = threading.Barrier(len(calls))

        def run(call):
            barrier.wait()
            try:
                call()
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=[call]) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual(errors, [])

    def _request(self, sid, number):
        """What a request does to its session: read, change, save or rotate."""
        session = self.store.get(sid)
        if session.is_new:
            session.sid = sid
        session[f"change_{number}"] = number
        if session.uid and number % 3 == 0:
            self.store.rotate(session, None, soft=True)
        else:
            self.store.save(session)

    def _log_in(self, session):
        with self.transaction() as env:
            self.store.rotate(session, env)

    def _requests(self, sid, numbers):
        return [lambda n=number: self._request(sid, n) for number in numbers]

    @mute_logger("odoo.addons.ha_session_redis.store")
    def test_saves_and_rotations_never_resurrect_a_logout(self):
        for _round in range(ROUNDS):
            session = self.saved(uid=2, create_time=0)
            calls = self._requests(session.sid, range(THREADS))
            calls.append(functools.partial(self.store.delete, self.store.get(session.sid)))
            random.shuffle(calls)
            self._together(*calls)
            documents = self.keys(f"session:{{{session.sid[:IDENTIFIER]}}}:*")
            self.assertEqual(documents, [], "the logout must hold whatever came after it")

    @mute_logger("odoo.addons.ha_session_redis.store")
    def test_a_login_survives_the_requests_beside_it(self):
        for _round in range(ROUNDS):
            visitor = self.saved(create_time=0)
            login = self.store.get(visitor.sid)
            login.uid = 2
            self._together(
                functools.partial(self._log_in, login),
                *self._requests(visitor.sid, range(1, THREADS)),
            )
            self.assertEqual(self.store.get(login.sid).uid, 2)
            self.assertTrue(self.store.get(visitor.sid).is_new)

    @mute_logger("odoo.addons.ha_session_redis.store")
    def test_rotations_at_once_lead_to_one_session(self):
        for _round in range(ROUNDS):
            first = self.saved(uid=2, create_time=0)
            sessions = [self.store.get(first.sid) for _ in range(THREADS)]
            self._together(
                *(functools.partial(self.store.rotate, s, None, soft=True) for s in sessions)
            )
            self.assertEqual(len({session.sid for session in sessions}), 1)
            survivor = self.store.get(sessions[0].sid)
            self.assertEqual(survivor.session_token, f"token of {survivor.sid}")
