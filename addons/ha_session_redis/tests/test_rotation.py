"""Hard and soft rotation, alone and beside other requests, on a real Redis."""

import time

from odoo import http
from odoo.service.security import check_session
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..redis_documents import ROTATED
from .common import IDENTIFIER, PrivateStore


@tagged("post_install", "-at_install")
class TestRotation(PrivateStore, TransactionCase):
    def test_hard_rotation_changes_the_whole_sid_and_ends_the_old_one(self):
        session = self.saved_user()
        old = self.store.get(session.sid)
        session.should_rotate = True
        self.store.rotate(session, self.env)
        self.assertNotEqual(session.sid[:IDENTIFIER], old.sid[:IDENTIFIER])
        self.assertFalse(session.should_rotate)
        self.assertFalse(self.exists(old))
        self.assertTrue(check_session(self.store.get(session.sid), self.env))

    def test_soft_rotation_keeps_the_identifier_and_the_old_sid_for_two_minutes(self):
        session = self.saved_user()
        old = self.store.get(session.sid)
        self.store.rotate(session, self.env, soft=True)
        self.assertEqual(session.sid[:IDENTIFIER], old.sid[:IDENTIFIER])
        self.assertNotEqual(session.sid, old.sid)
        stored = self.store.get(old.sid)
        self.assertEqual(stored["next_sid"], session.sid)
        self.assertAlmostEqual(stored["deletion_time"], time.time() + 120, delta=5)
        self.assertAlmostEqual(self.lifetime(old), 120, delta=5)
        new = self.store.get(session.sid)
        self.assertTrue(new["gc_previous_sessions"])
        self.assertNotIn("next_sid", new)
        self.assertNotIn("deletion_time", new)
        self.assertGreater(self.lifetime(new), 600)
        self.assertTrue(check_session(new, self.env))
        self.assertTrue(check_session(stored, self.env), "requests under way still count")

    def test_a_save_on_the_old_sid_does_not_prolong_it_and_reaches_the_new_one(self):
        session = self.saved_user()
        concurrent = self.store.get(session.sid)
        old = self.store.get(session.sid)
        self.store.rotate(session, self.env, soft=True)
        concurrent["change"] = "kept"
        self.store.save(concurrent)
        self.assertEqual(concurrent.sid, session.sid)
        self.assertLessEqual(self.lifetime(old), 120)
        self.assertEqual(self.store.get(old.sid)["next_sid"], session.sid)
        new = self.store.get(session.sid)
        self.assertEqual(new["change"], "kept")
        self.assertTrue(check_session(new, self.env))

    @mute_logger("odoo.addons.ha_session_redis.store")
    def test_a_save_long_after_the_rotation_does_not_bring_the_old_sid_back(self):
        session = self.saved_user()
        old, late = self.store.get(session.sid), self.store.get(session.sid)
        self.store.rotate(session, self.env, soft=True)
        self.store.delete_from_identifiers([session.sid[:IDENTIFIER]])
        late["late"] = True
        self.store.save(late)
        self.assertFalse(self.exists(old))
        self.assertFalse(self.exists(session))

    def test_two_rotations_of_one_sid_agree(self):
        session = self.saved_user()
        concurrent = self.store.get(session.sid)
        self.store.rotate(session, self.env, soft=True)
        self.store.rotate(concurrent, self.env, soft=True)
        self.assertEqual(concurrent.sid, session.sid)
        self.assertEqual(len(self.keys("session:*")), 2)

    def test_logout_on_the_old_sid_of_a_rotation_ends_the_new_one_too(self):
        session = self.saved_user()
        old = self.store.get(session.sid)
        self.store.rotate(session, self.env, soft=True)
        self.store.delete(old)
        self.assertFalse(self.exists(session))

    def test_an_old_sid_whose_time_is_over_can_no_longer_end_the_new_one(self):
        session = self.saved_user()
        old = self.store.get(session.sid)
        self.store.rotate(session, self.env, soft=True)
        self.redis.delete(self.store.documents.document_key(old.sid) + ROTATED)
        self.store.delete(old)
        self.assertTrue(self.exists(session))

    def test_old_sessions_are_dropped_once_their_time_is_over(self):
        session = self.saved_user()
        old = self.store.get(session.sid)
        self.store.rotate(session, self.env, soft=True)
        self.store.delete_old_sessions(session)
        self.assertTrue(self.exists(old), "not yet")
        session["create_time"] -= http.SESSION_DELETION_TIMER + 1
        self.store.delete_old_sessions(session)
        self.assertFalse(self.exists(old))
        self.assertNotIn("gc_previous_sessions", self.store.get(session.sid))
