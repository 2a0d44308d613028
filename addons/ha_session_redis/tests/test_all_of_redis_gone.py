"""All of Redis gone is no logout: PostgreSQL stands in for it, and what ends meanwhile stays dead."""

import time

from odoo.service.security import check_session
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from .common import IDENTIFIER, PrivateStore

_QUIET = tuple(f"odoo.addons.ha_session_redis.{name}" for name in ("connection", "store"))


@tagged("post_install", "-at_install")
class TestAllOfRedisGone(PrivateStore, TransactionCase):
    def setUp(self):
        super().setUp()
        for name in _QUIET:
            self.enterContext(mute_logger(name))

    def test_the_outage_costs_one_patience(self):
        session = self.logged_in()
        self.redis_goes_away()
        self.assertTrue(self.exists(session))
        started = time.monotonic()
        for _ in range(20):
            self.assertTrue(self.exists(session))
        self.assertLess(time.monotonic() - started, 1)

    def test_changes_made_meanwhile_are_there_afterwards(self):
        session = self.logged_in()
        self.redis_goes_away()
        again = self.store.get(session.sid)
        self.assertTrue(check_session(again, self.env))
        again["meanwhile"] = True
        self.store.save(again)
        self.assertTrue(self.store.get(session.sid)["meanwhile"])
        self.redis_comes_back()
        self.assertEqual([dirty for _, _, dirty in self.rows(session)], [False])
        self.assertTrue(self.store.get(session.sid)["meanwhile"])
        self.assertGreater(self.lifetime(session), 3600, "it is in Redis again")

    def test_logins_and_rotations_made_meanwhile_hold_afterwards(self):
        rotated = self.logged_in()
        old = self.store.get(rotated.sid)
        self.redis_goes_away()
        new = self.logged_in()
        self.store.rotate(rotated, self.env, soft=True)
        self.assertNotEqual(rotated.sid, old.sid)
        self.assertEqual(self.store.get(old.sid)["next_sid"], rotated.sid)
        self.redis_comes_back()
        for session in (new, rotated):
            self.assertTrue(check_session(self.store.get(session.sid), self.env))
        self.assertEqual(self.store.get(old.sid)["next_sid"], rotated.sid)
        self.assertLessEqual(self.lifetime(old), 120)

    def test_logouts_and_revocations_made_meanwhile_hold_afterwards(self):
        out, revoked, other = self.logged_in(), self.logged_in(), self.logged_in()
        late = self.store.get(out.sid)
        self.redis_goes_away()
        self.store.delete(out)
        self.store.delete_from_identifiers([revoked.sid[:IDENTIFIER]])
        expected = [False, False, True]
        self.assertEqual([self.exists(s) for s in (out, revoked, other)], expected)
        late["late"] = True
        self.store.save(late)
        self.assertFalse(late.is_dirty)
        self.assertEqual([self.exists(s) for s in (out, revoked, other)], expected)
        self.redis_comes_back()
        self.assertEqual([self.exists(s) for s in (out, revoked, other)], expected)
        self.store.save(late)
        self.assertEqual([self.exists(s) for s in (out, revoked, other)], expected)

    def test_a_process_that_never_lost_redis_learns_of_a_logout(self):
        """Only this process is cut off from Redis; the other one's watch tells Redis."""
        from ..store import RedisSessionStore

        healthy = RedisSessionStore(self.settings)
        session = self.logged_in()
        self.assertFalse(healthy.get(session.sid).is_new)
        self.redis_goes_away()
        self.store.delete(session)
        self.assertFalse(healthy.get(session.sid).is_new, "it can't know yet")
        healthy.watch.turn(time.monotonic())
        self.assertTrue(healthy.get(session.sid).is_new)

    def test_two_rotations_of_one_sid_agree(self):
        session = self.logged_in()
        self.redis_goes_away()
        concurrent = self.store.get(session.sid)
        self.store.rotate(session, self.env, soft=True)
        self.store.rotate(concurrent, self.env, soft=True)
        self.assertEqual(concurrent.sid, session.sid)

    def test_a_visitor_can_log_in(self):
        self.redis_goes_away()
        visitor = self.saved(db=self.env.cr.dbname)
        self.addCleanup(self.delete_rows, visitor.sid[:IDENTIFIER])
        visitor["login_page"] = True
        self.store.save(visitor)
        self.assertTrue(self.store.get(visitor.sid)["login_page"])
        visitor.uid = 2
        with self.transaction() as env:
            self.store.rotate(visitor, env)
        self.addCleanup(self.delete_rows, visitor.sid[:IDENTIFIER])
        self.assertEqual(self.store.get(visitor.sid).uid, 2)

    def test_an_invented_sid_has_no_power_over_a_users_identifier(self):
        session = self.logged_in()
        self.redis_goes_away()
        invented = session.sid[:IDENTIFIER] + self.store.generate_key()[IDENTIFIER:]
        attacker = self.store.get(invented)
        attacker.sid = invented
        attacker.update(db=self.env.cr.dbname, x=1)
        self.store.save(attacker)
        self.assertNotEqual(attacker.sid[:IDENTIFIER], session.sid[:IDENTIFIER])
        self.addCleanup(self.delete_rows, attacker.sid[:IDENTIFIER])
        attacker.sid = invented
        self.store.delete(attacker)
        self.assertTrue(self.exists(session))

    def test_missing_identifiers(self):
        alive, dead = self.logged_in(), self.logged_in()
        self.redis_goes_away()
        self.store.delete(dead)
        names = [session.sid[:IDENTIFIER] for session in (alive, dead)]
        self.assertEqual(self.store.get_missing_session_identifiers(names), {names[1]})
