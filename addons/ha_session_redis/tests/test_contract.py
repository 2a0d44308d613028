"""Each method of Odoo 19's session store contract, on a real Redis."""

import json
import time

from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..store import SETTLING
from .common import IDENTIFIER, PrivateStore


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
        content = self.redis.get(self.store.documents.document_key(session.sid))
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
        for content in (b"{broken", b"[1]", b"\xff", b"[" * 100000):
            self.redis.set(self.store.documents.document_key(session.sid), content)
            with self.assertLogs("odoo.addons.ha_session_redis.store", "WARNING"):
                self.assertEqual(dict(self.store.get(session.sid)), {})
        self.redis.delete(self.store.documents.document_key(session.sid))
        self.redis.lpush(self.store.documents.document_key(session.sid), "foreign")
        with self.assertLogs("odoo.addons.ha_session_redis.store", "WARNING"):
            self.assertEqual(dict(self.store.get(session.sid)), {})

    def test_a_foreign_key_in_the_index_s_place_costs_one_session_only(self):
        session = self.saved(uid=7)
        index = self.store.documents.index_key(session.sid[:IDENTIFIER])
        self.redis.set(index, "foreign", px=60000)
        self.store.save(session)
        self.assertTrue(self.exists(session))
        with self.assertLogs("odoo.addons.ha_session_redis.redis_documents", "WARNING"):
            self.store.delete(session)
        self.assertFalse(self.exists(session))

    def test_a_lost_index_is_made_again_by_the_next_save(self):
        session = self.saved(uid=7)
        index = self.store.documents.index_key(session.sid[:IDENTIFIER])
        self.redis.delete(index)
        self.store.save(session)
        self.assertTrue(self.redis.exists(index))
        self.store.delete_from_identifiers([session.sid[:IDENTIFIER]])
        self.assertFalse(self.exists(session))

    def test_an_older_redis_saves_by_script(self):
        session = self.saved(number=1)
        self.patch(self.store.documents, "_extends", False)
        session["number"] = 2
        self.store.save(session)
        self.assertEqual(self.store.get(session.sid)["number"], 2)

    def test_a_document_of_a_megabyte(self):
        session = self.saved(uid=7, big="x" * (1 << 20))
        self.assertEqual(len(self.store.get(session.sid)["big"]), 1 << 20)

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
        index = self.store.documents.index_key(sid[:IDENTIFIER])
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
