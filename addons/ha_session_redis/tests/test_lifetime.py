"""How long Redis keeps what the store writes."""

from dataclasses import replace

from odoo.tests import TransactionCase, tagged

from .common import IDENTIFIER, PrivateStore


@tagged("post_install", "-at_install")
class TestLifetime(PrivateStore, TransactionCase):
    def test_lifetime_follows_the_system_parameter(self):
        self.assertAlmostEqual(self.lifetime(self.saved_user()), 7 * 86400, delta=5)
        self.env["ir.config_parameter"].set_param("sessions.max_inactivity_seconds", 3600)
        session = self.saved_user()
        session.should_rotate = True
        self.store.rotate(session, self.env)
        self.assertAlmostEqual(self.lifetime(session), 300, delta=5, msg="until it is committed")
        self.env.cr.postcommit.run()
        self.assertAlmostEqual(self.lifetime(session), 3600, delta=5)

    def test_each_save_slides_the_lifetime(self):
        session = self.saved_user()
        self.redis.expire(self.store.documents.document_key(session.sid), 60)
        self.store.save(session)
        self.assertGreater(self.lifetime(session), 3600)

    def test_visitors_may_have_a_shorter_life(self):
        self.store._lifetimes._settings = replace(self.settings, session_anonymous_lifetime=600)
        self.assertAlmostEqual(self.lifetime(self.saved()), 600, delta=5)
        self.assertGreater(self.lifetime(self.saved_user()), 3600)

    def test_every_key_has_a_lifetime(self):
        session = self.saved_user()
        self.store.rotate(session, self.env, soft=True)
        self.store.delete(self.saved())
        self.store.delete_from_identifiers([self.saved_user().sid[:IDENTIFIER]])
        self.assertEqual([key for key in self.keys() if self.redis.ttl(key) < 0], [])

    def test_vacuum_ends_nothing(self):
        session = self.saved_user()
        self.store.vacuum(max_lifetime=0)
        self.env["ir.http"]._gc_sessions()
        self.assertTrue(self.exists(session))
