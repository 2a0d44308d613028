"""A store of its own on the Redis that the running Odoo is configured for."""

import secrets
from dataclasses import replace
from unittest import SkipTest

from odoo import http
from odoo.addons.ha_base.settings import current
from odoo.tools import config

from ..settings import Settings

IDENTIFIER = http.STORED_SESSION_BYTES


def configured() -> Settings:
    """The settings in force. These tests need the real thing: without Redis they are skipped."""
    settings = current(Settings)
    if "ha_base" in config["server_wide_modules"] and settings == Settings():
        # pytest-odoo imports test modules, and ha_base with them, before Odoo would have.
        raise AssertionError("ha_base's post_load did not run, or [ha] is empty: nothing to test")
    if not settings.redis_url and not settings.redis_sentinels:
        raise SkipTest("neither redis_url nor redis_sentinels is configured")
    return settings


def away(settings: Settings, **changes: object) -> Settings:
    """The same, but where nothing listens."""
    return replace(
        settings, redis_sentinels=(), redis_url="redis://127.0.0.1:1", redis_tls=False, **changes
    )


class PrivateStore:
    """Mixin: ``self.store`` writes below a prefix that nobody else uses, and cleans up."""

    def setUp(self):
        super().setUp()
        # Needs redis, which an Odoo without the feature need not have.
        from ..store import RedisSessionStore

        self.settings = replace(configured(), redis_prefix=f"test-{secrets.token_hex(6)}")
        self.store = RedisSessionStore(self.settings)
        self.redis = self.store._connection.client()
        self.addCleanup(self._clean_up)

    def _clean_up(self):
        for key in self.keys():
            self.redis.delete(key)
        self.redis.close()

    def keys(self, pattern="*"):
        return list(self.redis.scan_iter(f"{self.settings.redis_prefix}:{pattern}", count=1000))

    def saved(self, **values):
        """A session as a browser has it after a login: stored, and read again."""
        session = self.store.new()
        session.update(http.get_default_session(), **values)
        self.store.save(session)
        return self.store.get(session.sid)

    def saved_user(self, **values):
        """The stored session of the administrator, with a valid token."""
        user = self.env.ref("base.user_admin")
        session = self.store.new()
        session.update(
            http.get_default_session(),
            db=self.env.cr.dbname,
            uid=user.id,
            login=user.login,
            create_time=values.pop("create_time", 0),
            session_token=user._compute_session_token(session.sid),
            **values,
        )
        self.store.save(session)
        return self.store.get(session.sid)

    def lifetime(self, session):
        """Seconds that Redis gives the stored document."""
        return self.redis.pttl(self.store._document(session.sid)) / 1000

    def exists(self, session):
        return not self.store.get(session.sid).is_new
