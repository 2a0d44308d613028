"""A Redis that does not answer, or refuses to."""

import time
from dataclasses import replace

from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..errors import SessionStoreUnavailable
from ..postgres.databases import Databases
from ..store import RedisSessionStore
from .common import IDENTIFIER, PrivateStore, away


@tagged("post_install", "-at_install")
class TestOutage(PrivateStore, TransactionCase):
    def setUp(self):
        super().setUp()
        # As in a database in which the app isn't installed.
        self.patch(Databases, "has_tables", lambda *_: False)

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
