"""PostgreSQL behind Redis: what is written through, and what comes back when Redis lost it."""

import json
import time
from types import SimpleNamespace

from odoo import http, sql_db
from odoo.service.security import check_session
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..breaker import Breaker
from ..login import PROVISIONAL
from .common import IDENTIFIER, PrivateStore

_QUIET = tuple(f"odoo.addons.ha_session_redis.{name}" for name in ("connection", "store"))


@tagged("post_install", "-at_install")
class TestWriteThrough(PrivateStore, TransactionCase):
    def test_a_login_is_in_both_stores_and_its_sid_in_none_of_the_rows(self):
        session = self.logged_in()
        ((document, sealed, dirty),) = self.rows(session)
        self.assertEqual(json.loads(document)["uid"], session.uid)
        self.assertIsNone(sealed)
        self.assertFalse(dirty)
        self.assertGreater(self.lifetime(session), 6 * 86400)
        self.store.rotate(session, self.env, soft=True)
        self.assertEqual(len(self.rows(session)), 2)
        with self.transaction() as env:
            env.cr.execute(
                "SELECT ha_session::text FROM ha_session WHERE identifier = %s",
                (session.sid[:IDENTIFIER],),
            )
            self.assertNotIn(session.sid[IDENTIFIER:], str(env.cr.fetchall()))

    def test_a_rolled_back_login_leaves_nothing(self):
        session = self.store.new()
        session.update(http.get_default_session(), db=self.env.cr.dbname, uid=2)
        cursor = sql_db.db_connect(self.env.cr.dbname).cursor()
        self.store.rotate(session, self.env(cr=cursor))
        self.assertTrue(self.exists(session))
        cursor.rollback()
        cursor.close()
        self.assertFalse(self.exists(session))
        self.assertEqual(self.rows(session), [])

    def test_a_rolled_back_login_takes_its_cookie_back_and_is_provisional_to_the_end(self):
        """Odoo saves the session a second time at the end of the request that logged in."""
        serving = SimpleNamespace(
            future_response=http.FutureResponse(),
            httprequest=SimpleNamespace(environ={"HTTP_HOST": "localhost"}),
            db=None,
            env=None,
        )
        http._request_stack.push(serving)
        self.addCleanup(http._request_stack.pop)
        session = self.store.new()
        session.update(http.get_default_session(), db=self.env.cr.dbname, uid=2)
        cursor = sql_db.db_connect(self.env.cr.dbname).cursor()
        env = self.env(cr=cursor)
        self.store.rotate(session, env)
        session["late"] = True
        self.store.save(session)
        self.assertLessEqual(self.lifetime(session) * 1000, PROVISIONAL)
        serving.future_response.set_cookie("other", "stays")
        serving.future_response.set_cookie("session_id", session.sid)
        cursor.rollback()
        (cookie,) = serving.future_response.headers.getlist("Set-Cookie")
        self.assertIn("other=stays", cookie)
        self.assertFalse(self.exists(session))
        self.store.rotate(session, env)
        self.store.save(session)
        cursor.commit()
        cursor.close()
        self.addCleanup(self.delete_rows, session.sid[:IDENTIFIER])
        self.assertTrue(self.store.get(session.sid)["late"])
        self.assertGreater(self.lifetime(session), 6 * 86400)

    def test_a_login_whose_connection_died_ends_by_itself(self):
        session = self.store.new()
        session.update(http.get_default_session(), db=self.env.cr.dbname, uid=2)
        cursor = sql_db.db_connect(self.env.cr.dbname).cursor()
        self.store.rotate(session, self.env(cr=cursor))
        cursor._cnx.close()
        cursor.close()
        self.assertLessEqual(self.lifetime(session) * 1000, PROVISIONAL)
        self.assertEqual(self.rows(session), [])

    def test_the_steady_state_costs_no_sql(self):
        session = self.logged_in()
        visitor = self.saved()
        self.store.get(visitor.sid)
        before = sql_db.sql_counter
        for _ in range(10):
            again = self.store.get(session.sid)
            self.store.delete_old_sessions(again)
            again["page"] = 1
            self.store.save(again)
            guest = self.store.get(visitor.sid)
            guest["cart"] = 1
            self.store.save(guest)
        self.assertEqual(sql_db.sql_counter, before)

    def test_a_visitor_without_a_stored_session_costs_sql_once(self):
        sid = self.store.generate_key()
        self.store.get(sid)
        before = sql_db.sql_counter
        for _ in range(10):
            self.assertTrue(self.store.get(sid).is_new)
        self.assertEqual(sql_db.sql_counter, before)

    def test_logout_and_revocation_leave_no_document(self):
        out, revoked, other = self.logged_in(), self.logged_in(), self.logged_in()
        self.store.delete(out)
        self.store.delete_from_identifiers([revoked.sid[:IDENTIFIER]])
        self.assertEqual((self.rows(out), self.rows(revoked)), ([], []))
        self.assertEqual(len(self.rows(other)), 1)


@tagged("post_install", "-at_install")
class TestLostData(PrivateStore, TransactionCase):
    """A Redis that comes back empty, or without its last writes."""

    def test_who_was_logged_in_stays_so(self):
        session = self.logged_in(cart=7)
        self.redis_loses_everything()
        again = self.store.get(session.sid)
        self.assertEqual(again.uid, session.uid)
        self.assertTrue(check_session(again, self.env))
        self.assertGreater(self.lifetime(session), 6 * 86400)
        again["later"] = True
        self.store.save(again)
        self.assertTrue(self.store.get(session.sid)["later"])

    def _forget(self, session):
        """What each process does after an outage, for what was touched shortly before."""
        self.store.documents.forget([session.sid[:IDENTIFIER]])

    def test_forgotten_while_it_is_read(self):
        session = self.logged_in()
        self._forget(session)
        original = self.store.documents.adopt

        def adopt(sid, *arguments, **options):
            adopted = original(sid, *arguments, **options)
            self._forget(session)
            return adopted

        self.patch(self.store.documents, "adopt", adopt)
        self.assertEqual(self.store.get(session.sid).uid, session.uid)

    def test_forgotten_before_it_is_logged_out(self):
        session = self.logged_in()
        read = self.store.get(session.sid)
        self._forget(session)
        self.store.delete(read)
        self._forget(session)
        self.assertTrue(self.store.get(session.sid).is_new)
        self.assertEqual(self.rows(session), [])

    @mute_logger(*_QUIET)
    def test_who_was_logged_out_or_revoked_stays_so(self):
        out, revoked = self.logged_in(), self.logged_in()
        late = [self.store.get(session.sid) for session in (out, revoked)]
        self.store.delete(out)
        self.store.delete_from_identifiers([revoked.sid[:IDENTIFIER]])
        self.redis_loses_everything()
        self.assertEqual([self.exists(session) for session in (out, revoked)], [False] * 2)
        for session in late:
            session["late"] = True
            self.store.save(session)
            self.assertFalse(session.is_dirty, "a dirty session would get a cookie")
        self.assertEqual([self.exists(session) for session in (out, revoked)], [False] * 2)

    def test_a_rotation_is_remembered(self):
        session = self.logged_in()
        old, late = self.store.get(session.sid), self.store.get(session.sid)
        self.store.rotate(session, self.env, soft=True)
        self.redis_loses_everything()
        late["change"] = "kept"
        self.store.save(late)
        self.assertEqual(late.sid, session.sid)
        self.assertEqual(self.store.get(session.sid)["change"], "kept")
        self.assertEqual(self.store.get(old.sid)["next_sid"], session.sid)
        self.assertLessEqual(self.lifetime(old), 120)

    def test_a_lost_rotation_comes_back_and_the_old_sid_is_known_as_such(self):
        """The primary was lost before its replicas had the rotation."""
        session = self.logged_in()
        old = self.store.get(session.sid)
        copies = {key: self.redis.dump(key) for key in self.keys()}
        self.store.rotate(session, self.env, soft=True)
        self.redis_loses_everything()
        for key, value in copies.items():
            self.redis.restore(key, 3600_000, value)
        self.assertTrue(self.exists(session), "the client has this cookie")
        self.store.watch.reconcile(60)
        self.assertEqual(self.store.get(old.sid)["next_sid"], session.sid)
        self.assertTrue(self.exists(session))

    def test_a_lost_logout_is_told_again_after_a_failover(self):
        """A failover of the Sentinels that nobody but the retries noticed."""
        session, revoked = self.logged_in(), self.logged_in()
        copies = {key: self.redis.dump(key) for key in self.keys()}
        self.store.delete(session)
        self.store.delete_from_identifiers([revoked.sid[:IDENTIFIER]])
        self.redis_loses_everything()
        for key, value in copies.items():
            self.redis.restore(key, 3600_000, value)
        self.assertTrue(self.exists(session), "or there is nothing to tell")
        self.store.connection._state.breaker = Breaker(ended=time.monotonic())
        self.watch_turns()
        self.assertFalse(self.exists(session))
        self.assertFalse(self.exists(revoked))

    def test_idle_sessions_end_in_time(self):
        session = self.logged_in()
        with self.transaction() as env:
            env.cr.execute(
                "UPDATE ha_session SET expires_at = now() - interval '1 minute' "
                "WHERE identifier = %s",
                (session.sid[:IDENTIFIER],),
            )
        self.redis_loses_everything()
        self.assertFalse(self.exists(session))
