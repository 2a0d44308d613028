"""Each method of Odoo 19's session store contract, on a real Redis."""

import json
import time
from dataclasses import replace

from odoo import http
from odoo.service.security import check_session
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..errors import SessionStoreUnavailable
from ..store import SETTLING, RedisSessionStore
from .common import IDENTIFIER, PrivateStore, away


@tagged("post_install", "-at_install")
class TestContract(PrivateStore, TransactionCase):
    def test_new_sessions_have_valid_keys_and_are_not_stored(self):
        session = self.store.new()
        self.assertTrue(self.store.is_valid_key(session.sid))
        self.assertFalse(self.store.is_valid_key(session.sid[:-1]))
        self.assertNotEqual(session.sid, self.store.generate_key())
        self.assertTrue(session.is_new)
        self.assertEqual(self.keys(), [])

    def test_save_and_get_round_trip(self):
        session = self.saved(uid=7, context={"lang": "fr_FR", "été": [1, {"a": None}]})
        self.assertEqual(session.uid, 7)
        self.assertEqual(session.context["été"], [1, {"a": None}])
        self.assertFalse(session.is_new)
        self.assertFalse(session.is_dirty)

    def test_documents_are_json_as_stock_writes_it(self):
        session = self.saved(uid=7)
        content = self.redis.get(self.store._document(session.sid))
        self.assertEqual(content.decode(), json.dumps(dict(session)))

    def test_a_nested_change_is_saved(self):
        session = self.saved(uid=7)
        session["context"]["nested"] = True
        self.store.save(session)
        self.assertTrue(self.store.get(session.sid)["context"]["nested"])

    def test_get_of_an_unknown_sid_is_a_new_session_with_another_sid(self):
        sid = self.store.generate_key()
        session = self.store.get(sid)
        self.assertTrue(session.is_new)
        self.assertNotEqual(session.sid, sid)
        self.assertTrue(self.store.get("malformed").is_new)

    def test_invalid_sids_are_not_saved(self):
        session = self.store.new()
        session.sid = "../../etc/passwd"
        with self.assertRaises(ValueError):
            self.store.save(session)

    def test_a_corrupt_document_costs_one_session_only(self):
        session = self.saved(uid=7)
        for content in (b"{broken", b"[1]", b"\xff"):
            self.redis.set(self.store._document(session.sid), content)
            with self.assertLogs("odoo.addons.ha_session_redis.store", "WARNING"):
                self.assertEqual(dict(self.store.get(session.sid)), {})
        self.redis.delete(self.store._document(session.sid))
        self.redis.lpush(self.store._document(session.sid), "foreign")
        with self.assertLogs("odoo.addons.ha_session_redis.store", "WARNING"):
            self.assertEqual(dict(self.store.get(session.sid)), {})

    # -- the end of a session

    def test_delete_ends_the_session(self):
        session = self.saved(uid=7)
        self.store.delete(session)
        self.assertFalse(self.exists(session))

    @mute_logger("odoo.addons.ha_session_redis.store")
    def test_a_late_save_does_not_resurrect_a_deleted_session(self):
        session = self.saved(uid=7)
        concurrent = self.store.get(session.sid)
        self.store.delete(session)
        concurrent["late"] = True
        self.store.save(concurrent)
        self.assertFalse(self.exists(session))
        self.assertFalse(concurrent.is_dirty, "a dirty session would get a cookie")

    @mute_logger("odoo.addons.ha_session_redis.store")
    def test_a_late_save_does_not_resurrect_a_revoked_session(self):
        session = self.saved(uid=7)
        self.store.delete_from_identifiers([session.sid[:IDENTIFIER]])
        session["late"] = True
        self.store.save(session)
        self.assertFalse(self.exists(session))

    @mute_logger("odoo.addons.ha_session_redis.store")
    def test_a_late_rotation_does_not_resurrect_a_deleted_session(self):
        session = self.saved_user()
        concurrent = self.store.get(session.sid)
        self.store.delete(session)
        self.store.rotate(concurrent, self.env, soft=True)
        self.assertEqual(concurrent.sid, session.sid, "a new sid would get a cookie")
        self.assertFalse(concurrent.is_dirty)
        self.assertEqual(self.keys("session:*"), [])

    def test_whoever_comes_later_with_a_dead_sid_gets_another(self):
        session = self.saved(uid=7)
        sid = session.sid
        self.store.delete(session)
        index = self.store._index(sid[:IDENTIFIER])
        self.redis.hset(index, "*", f"ended {int(time.time()) - SETTLING - 1}")
        visitor = self.store.get(sid)
        visitor.sid = sid  # as Request._get_session_and_dbname does
        visitor["cart"] = 1
        self.store.save(visitor)
        self.assertNotEqual(visitor.sid, sid)
        self.assertEqual(self.store.get(visitor.sid)["cart"], 1)

    @mute_logger("odoo.addons.ha_session_redis.store")
    def test_a_visit_beside_a_login_does_not_take_the_new_cookie_away(self):
        """A page and a login are on their way at once, with the sid of a visitor."""
        sid = self.store.generate_key()
        login, page = self.store.get(sid), self.store.get(sid)
        login.sid = page.sid = sid
        login.update(uid=2, session_token="token")
        self.store.delete(login)  # the first step of a hard rotation
        page["visited"] = True
        self.store.save(page)
        self.assertEqual(page.sid, sid)
        self.assertFalse(page.is_dirty, "a dirty session would get a cookie")

    def test_an_invented_sid_has_no_power_over_a_users_identifier(self):
        """The identifier stands in the database; only the whole sid authenticates."""
        session = self.saved_user()
        invented = session.sid[:IDENTIFIER] + self.store.generate_key()[IDENTIFIER:]
        attacker = self.store.get(invented)
        attacker.sid = invented
        attacker["x"] = 1
        self.store.save(attacker)
        self.assertNotEqual(attacker.sid[:IDENTIFIER], session.sid[:IDENTIFIER])
        attacker.sid = invented
        self.store.delete(attacker)
        self.assertTrue(self.exists(session))

    # -- rotation

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
        self.redis.delete(self.store._document(old.sid))
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

    # -- identifiers

    def test_missing_identifiers(self):
        alive, dead, revoked = self.saved_user(), self.saved_user(), self.saved_user()
        self.store.delete(dead)
        self.store.delete_from_identifiers([revoked.sid[:IDENTIFIER]])
        unknown = self.store.generate_key()  # Odoo's own tests pass whole sids as well
        names = [session.sid[:IDENTIFIER] for session in (alive, dead, revoked)] + [unknown]
        missing = self.store.get_missing_session_identifiers(iter(names))
        self.assertEqual(missing, set(names[1:]))

    def test_revocation_ends_all_sids_of_the_identifiers_and_no_others(self):
        first, second, other = self.saved_user(), self.saved_user(), self.saved_user()
        old = self.store.get(first.sid)
        self.store.rotate(first, self.env, soft=True)
        self.store.delete_from_identifiers([s.sid[:IDENTIFIER] for s in (first, second)])
        self.assertEqual([self.exists(s) for s in (old, first, second)], [False] * 3)
        self.assertTrue(self.exists(other))
        for wrong in (["*"], [other.sid], [other.sid[:-43] + "*"]):
            with self.assertRaises(ValueError):
                self.store.delete_from_identifiers(wrong)

    def test_revocation_looks_at_no_other_key(self):
        """No SCAN, no KEYS: the commands are counted by Redis itself."""
        session = self.saved_user()
        before = self._calls()
        self.store.delete_from_identifiers([session.sid[:IDENTIFIER]])
        self.store.get_missing_session_identifiers([session.sid[:IDENTIFIER]])
        self.assertEqual(self._calls(), before)

    def _calls(self):
        statistics = self.redis.info("commandstats")
        return {name: statistics.get(f"cmdstat_{name}") for name in ("scan", "keys", "hscan")}

    # -- lifetimes

    def test_lifetime_follows_the_system_parameter(self):
        self.assertAlmostEqual(self.lifetime(self.saved_user()), 7 * 86400, delta=5)
        self.env["ir.config_parameter"].set_param("sessions.max_inactivity_seconds", 3600)
        session = self.saved_user()
        session.should_rotate = True
        self.store.rotate(session, self.env)
        self.assertAlmostEqual(self.lifetime(session), 3600, delta=5)

    def test_each_save_slides_the_lifetime(self):
        session = self.saved_user()
        self.redis.expire(self.store._document(session.sid), 60)
        self.store.save(session)
        self.assertGreater(self.lifetime(session), 3600)

    def test_visitors_may_have_a_shorter_life(self):
        self.store._settings = replace(self.settings, session_anonymous_lifetime=600)
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

    # -- Redis away

    @mute_logger("odoo.addons.ha_session_redis.connection")
    def test_an_unreachable_redis_is_an_error_within_the_budget(self):
        store = RedisSessionStore(away(self.settings, redis_retry_budget=0.4))
        session = store.new()
        for number, call in enumerate(
            (
                lambda: store.get(session.sid),
                lambda: store.save(session),
                lambda: store.delete(session),
                lambda: store.get_missing_session_identifiers([session.sid[:IDENTIFIER]]),
                lambda: store.delete_from_identifiers([session.sid[:IDENTIFIER]]),
            )
        ):
            started = time.monotonic()
            with self.assertRaises(SessionStoreUnavailable) as caught:
                call()
            took = time.monotonic() - started
            self.assertEqual(caught.exception.get_response().status_code, 503)
            self.assertTrue(caught.exception.get_response().headers["Retry-After"])
            # The outage costs its budget once, not once a call.
            self.assertLess(took, 1.0 if number == 0 else 0.2)

    def test_a_wrong_password_is_an_error_that_does_not_show_it(self):
        store = RedisSessionStore(replace(self.settings, redis_password="secret-guess"))
        with (
            self.assertLogs("odoo.addons.ha_session_redis.connection", "ERROR") as logs,
            self.assertRaises(SessionStoreUnavailable),
        ):
            store.get(store.generate_key())
        self.assertIn("redis_password", logs.output[0])
        self.assertNotIn("secret-guess", "".join(logs.output))
