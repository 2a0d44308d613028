"""The page's own way to this node's facts, which needs no database."""

import time
from unittest.mock import patch

from odoo import http
from odoo.tests import HttpCase, new_test_user, tagged

from .. import live
from ..facts import node_id

TIMEOUT = 30


@tagged("post_install", "-at_install")
class TestLive(HttpCase):
    def ask(self):
        return self.url_open(live.PATH, timeout=TIMEOUT, allow_redirects=False)

    def get_state(self):
        params = {"model": "ha.dashboard.node", "method": "get_state", "args": [], "kwargs": {}}
        body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        path = "/web/dataset/call_kw/ha.dashboard.node/get_state"
        return self.url_open(path, json=body, timeout=TIMEOUT).json()

    def test_only_for_who_was_admitted(self):
        self.assertEqual(self.ask().status_code, 403)
        new_test_user(self.env, "plain", password="plain-plain", groups="base.group_user")
        self.authenticate("plain", "plain-plain")
        self.assertEqual(self.ask().status_code, 403)
        self.assertEqual(self.get_state()["error"]["data"]["name"], "odoo.exceptions.AccessError")
        self.assertEqual(self.ask().status_code, 403)
        self.authenticate("admin", "admin")
        self.assertEqual(self.ask().status_code, 403)
        self.assertIn("own", self.get_state()["result"])
        answer = self.ask()
        self.assertEqual((answer.status_code, answer.json()["node"]), (200, node_id()))
        # As if the page had been closed for long.
        with patch.object(time, "time", lambda now=time.time(): now + 2 * live.ADMITTED):
            self.assertEqual(self.ask().status_code, 403)
        self.session.logout()
        http.root.session_store.save(self.session)
        self.assertEqual(self.ask().status_code, 403)

    def test_it_asks_no_database(self):
        self.authenticate("admin", "admin")
        self.get_state()
        with patch("odoo.sql_db.Connection.cursor", side_effect=AssertionError("a cursor")):
            self.assertEqual(self.ask().status_code, 200)
