"""What a browser sees, through Odoo's real HTTP stack."""

import json
import time

from odoo import http
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..postgres.databases import Databases
from ..redis_documents import ROTATED
from .common import IDENTIFIER, away, configured, redirect

STATIC = "/web/static/img/favicon.ico"


@tagged("post_install", "-at_install")
class TestRequests(HttpCase):
    def setUp(self):
        super().setUp()
        configured()
        self.store = http.root.session_store
        self.assertEqual(type(self.store).__name__, "RedisSessionStore")

    def _whoami(self):
        return self.url_open(
            "/web/session/get_session_info",
            data=json.dumps({"jsonrpc": "2.0", "params": {}}),
            headers={"Content-Type": "application/json"},
        )

    def _redis_goes_away(self):
        settings = self.store._settings
        self.addCleanup(self._redis_comes_back, settings)
        redirect(self.store, away(settings, redis_retry_budget=0.1))

    def _redis_comes_back(self, settings):
        redirect(self.store, settings)
        self.store.watch.turn(time.monotonic())

    def _sids(self, sid):
        """How many sids the identifier has, each with its document."""
        client = self.store.connection.client()
        rests = [
            name.decode() for name in client.hkeys(self.store.documents.index_key(sid[:IDENTIFIER]))
        ]
        keys = [self.store.documents.document_key(sid[:IDENTIFIER] + rest) for rest in rests]
        return sum(client.exists(key, key + ROTATED) for key in keys)

    def test_login_and_logout(self):
        self.authenticate(None, None)
        visitor = self.session.sid
        page = self.url_open("/web/login")
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        answer = self.url_open(
            "/web/login", data={"login": "admin", "password": "admin", "csrf_token": token}
        )
        self.assertEqual(answer.status_code, 200)
        logged_in = self.opener.cookies["session_id"]
        self.assertNotEqual(logged_in[:IDENTIFIER], visitor[:IDENTIFIER])
        self.assertEqual(self.store.get(logged_in).login, "admin")
        self.assertTrue(self.store.get(visitor).is_new)
        self.url_open("/web/session/logout")
        self.assertTrue(self.store.get(logged_in).is_new)

    def test_soft_rotation(self):
        self.authenticate("admin", "admin")
        self.url_open("/odoo")
        first = self.opener.cookies["session_id"]
        self.assertEqual(self._sids(first), 1)
        session = self.store.get(first)
        session["create_time"] -= http.SESSION_ROTATION_INTERVAL
        self.store.save(session)
        self.url_open("/odoo")
        second = self.opener.cookies["session_id"]
        self.assertNotEqual(second, first)
        self.assertEqual(self._sids(second), 2)
        session = self.store.get(second)
        session["create_time"] -= http.SESSION_DELETION_TIMER
        self.store.save(session)
        self.url_open("/odoo")
        self.assertEqual(self.opener.cookies["session_id"], second)
        self.assertEqual(self._sids(second), 1)

    def test_a_revoked_device_is_logged_out(self):
        self.authenticate("admin", "admin")
        self.assertIn("result", self._whoami().json())
        self.store.delete_from_identifiers([self.session.sid[:IDENTIFIER]])
        self.assertEqual(self._whoami().json()["error"]["code"], 100)

    @mute_logger("odoo.addons.ha_session_redis.connection")
    def test_an_outage_is_a_503_and_no_logout(self):
        self.authenticate("admin", "admin")
        sid, settings = self.session.sid, self.store._settings
        # As in a database in which the app isn't installed.
        self.patch(Databases, "has_tables", lambda *_: False)
        self._redis_goes_away()
        for answer in (self._whoami(), self.url_open("/odoo", allow_redirects=False)):
            self.assertEqual(answer.status_code, 503)
            self.assertTrue(answer.headers["Retry-After"])
            self.assertNotIn("Set-Cookie", answer.headers)
        self._redis_comes_back(settings)
        answer = self._whoami()
        self.assertEqual(answer.json()["result"]["username"], "admin")
        self.assertEqual(self.opener.cookies["session_id"], sid)

    @mute_logger("odoo.addons.ha_session_redis.connection")
    def test_static_files_are_served_without_the_store(self):
        self.authenticate("admin", "admin")
        self._redis_goes_away()
        answer = self.url_open(STATIC)
        self.assertEqual(answer.status_code, 200)
        self.assertNotIn("Set-Cookie", answer.headers)
        self.assertIn("max-age", answer.headers["Cache-Control"])

    def test_a_developer_still_gets_uncached_static_files(self):
        session = self.authenticate("admin", "admin")
        session.debug = "assets"
        self.store.save(session)
        referrer = {"Referer": f"{self.base_url()}/odoo?debug=assets"}
        answer = self.url_open(STATIC, headers=referrer)
        self.assertIn("max-age=0", answer.headers["Cache-Control"])
