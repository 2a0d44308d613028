"""Health on the running server: answered before Odoo's own request handling begins."""

from unittest.mock import patch

from odoo import http
from odoo.tests import HttpCase, tagged
from odoo.tools import config


@tagged("post_install", "-at_install")
class TestHealth(HttpCase):
    def setUp(self):
        super().setUp()
        if "ha_base" not in config["server_wide_modules"]:
            self.skipTest("ha_health works server-wide: it is not active here")

    def test_the_answer_is_stocks(self):
        answer = self.url_open("/web/health")
        self.assertEqual((answer.status_code, answer.text), (200, '{"status": "pass"}'))
        self.assertEqual(answer.headers["Content-Type"], "application/json")

    def test_no_request_is_built(self):
        """Neither a session nor a cursor: those need a request."""
        with patch.object(http.Request, "_post_init", side_effect=AssertionError("built")):
            self.assertEqual(self.url_open("/web/health").status_code, 200)
            self.assertEqual(self.url_open("/web/health?probe=live").status_code, 200)

    def test_without_a_token_there_are_no_metrics(self):
        with patch.object(http.Request, "_post_init", side_effect=AssertionError("built")):
            self.assertEqual(self.url_open("/web/metrics").status_code, 404)

    def test_no_cookie_is_set(self):
        self.assertNotIn("Set-Cookie", self.url_open("/web/health").headers)

    def test_other_methods_are_left_to_odoo(self):
        answer = self.opener.post(self.base_url() + "/web/health", timeout=10)
        self.assertNotEqual(answer.text, '{"status": "pass"}')

    def test_other_paths_are_left_to_odoo(self):
        self.assertEqual(self.url_open("/web/login").status_code, 200)
