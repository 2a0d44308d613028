"""A store of its own on the Redis that the running Odoo is configured for."""

import secrets
import time
from contextlib import contextmanager
from dataclasses import replace
from unittest import SkipTest

from odoo import api, http, sql_db
from odoo.addons.ha_base.settings import current
from odoo.tools import config

from ..redis_documents import ROTATED
from ..settings import Settings

IDENTIFIER = http.STORED_SESSION_BYTES


def configured() -> Settings:
    """The settings in force. These tests need the real thing: without Redis they are skipped."""
    settings = current(Settings)
    if "ha_base" in config["server_wide_modules"] and settings == Settings():
        # pytest-odoo imports test modules, and ha_base with them, before Odoo would have.
        raise AssertionError("ha_base's post_load did not run, or [ha] is empty: nothing to test")
    if not (settings.redis_url or settings.redis_sentinels or settings.redis_cluster):
        raise SkipTest("neither redis_url nor redis_sentinels is configured")
    return settings


def away(settings: Settings, **changes: object) -> Settings:
    """The same, but where nothing listens."""
    return replace(
        settings,
        redis_sentinels=(),
        redis_cluster=(),
        redis_url="redis://127.0.0.1:1",
        redis_tls=False,
        **changes,
    )


def redirect(store, settings: Settings) -> None:
    """Make the store's next call go to where ``settings`` say."""
    store.connection.client().close()
    store.connection._settings, store.connection._state.client = settings, None


class PrivateStore:
    """Mixin: ``self.store`` writes below a prefix that nobody else uses, and cleans up."""

    def setUp(self):
        super().setUp()
        # Needs redis, which an Odoo without the feature need not have.
        from ..store import RedisSessionStore

        self.settings = replace(configured(), redis_prefix=f"test-{secrets.token_hex(6)}")
        self.store = RedisSessionStore(self.settings)
        self.redis = self.store.connection.client()
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
        key = self.store.documents.document_key(session.sid)
        return max(self.redis.pttl(key), self.redis.pttl(key + ROTATED)) / 1000

    def exists(self, session):
        return not self.store.get(session.sid).is_new

    # -- PostgreSQL behind Redis

    @contextmanager
    def transaction(self):
        """An environment in a transaction of its own, as each request has; committed."""
        with sql_db.db_connect(self.env.cr.dbname).cursor() as cursor:
            yield api.Environment(cursor, api.SUPERUSER_ID, {})

    def logged_in(self, **values):
        """A session as after a real login, whose transaction is committed."""
        user = self.env.ref("base.user_admin")
        session = self.store.new()
        session.update(
            http.get_default_session(),
            db=self.env.cr.dbname,
            uid=user.id,
            login=user.login,
            **values,
        )
        with self.transaction() as env:
            self.store.rotate(session, env)
        self.addCleanup(self.delete_rows, session.sid[:IDENTIFIER])
        return self.store.get(session.sid)

    def delete_rows(self, identifier):
        with self.transaction() as env:
            for name in ("ha_session", "ha_session_end"):
                env.cr.execute(f"DELETE FROM {name} WHERE identifier = %s", (identifier,))

    def rows(self, session):
        """(document, sealed, dirty) of the identifier's rows."""
        with self.transaction() as env:
            env.cr.execute(
                "SELECT document, next, dirty FROM ha_session WHERE identifier = %s "
                "ORDER BY next IS NULL",
                (session.sid[:IDENTIFIER],),
            )
            return env.cr.fetchall()

    def redis_goes_away(self):
        redirect(self.store, away(self.settings, redis_retry_budget=0.1))

    def redis_comes_back(self):
        """The same Redis answers again, and this process's watch has noticed."""
        redirect(self.store, self.settings)
        self.watch_turns()

    def watch_turns(self):
        self.store.watch.turn(time.monotonic())

    def redis_loses_everything(self):
        for key in self.keys():
            self.redis.delete(key)
