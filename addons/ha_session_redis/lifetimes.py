"""How long sessions live in each database, as this process last saw it."""

import logging
import time
from typing import Any

import psycopg2
from odoo.http import SESSION_LIFETIME, get_session_max_inactivity, request

from .lifetime import lifetime
from .origins import Origins
from .settings import Settings

_logger = logging.getLogger(__name__)


class Lifetimes:
    """Follows ``sessions.max_inactivity_seconds`` of each database."""

    def __init__(self, settings: Settings, origins: Origins) -> None:
        self._settings = settings
        self._origins = origins
        self._inactivity: dict[str | None, int] = {}

    def milliseconds(self, session: Any, env: Any) -> int:
        """For how long a document that is written now may live.

        :param env: of the session's database, if there is one
        """
        seconds = lifetime(
            session,
            inactivity=self._max_inactivity(session.get("db"), env),
            anonymous=self._settings.session_anonymous_lifetime,
            now=time.time(),
        )
        return int(seconds * 1000)

    def longest(self) -> int:
        """Seconds for which an end must be remembered: no session was to live longer."""
        return max([SESSION_LIFETIME, *self._inactivity.values()])

    def inactivity(self, database: str | None) -> int:
        """The parameter of a database that need not be loaded here; it is asked once."""
        if database not in self._inactivity:
            self._inactivity[database] = self._origins.inactivity(database)
        return self._inactivity[database]

    def _max_inactivity(self, db: str | None, env: Any) -> int:
        if env is None and request:
            env = request.env
        if env is not None and not env.cr._closed and env.cr.dbname == db:
            try:
                self._inactivity[db] = get_session_max_inactivity(env)
            except psycopg2.Error:
                _logger.debug("The transaction can't answer, the last value counts", exc_info=True)
        return self._inactivity.get(db, SESSION_LIFETIME)
