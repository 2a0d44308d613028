"""One Redis client a process, and the one place where its failures are met."""

import logging
import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .errors import SessionStoreUnavailable
from .retry import Outage, after_failure, after_success
from .settings import Settings

_logger = logging.getLogger(__name__)

T = TypeVar("T")

#: What a Sentinel failover looks like from here; a further attempt may well succeed.
TRANSIENT = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.TryAgainError,
    redis.exceptions.MasterDownError,
    redis.exceptions.NoScriptError,  # the primary changed between loading and running one
)


class Connection:
    """Runs operations on Redis, over failovers, within a budget of time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: redis.Redis | None = None
        self._pid = 0
        self._outage = Outage()

    def client(self) -> redis.Redis:
        """This process's client. A fork gets its own: sockets must not be shared."""
        if self._client is None or self._pid != os.getpid():
            self._client, self._pid, self._outage = connect(self._settings), os.getpid(), Outage()
        return self._client

    def call(self, operation: Callable[[redis.Redis], T]) -> T:
        """The outcome of ``operation``, which must be safe to run twice.

        :raises SessionStoreUnavailable: when Redis stays away or refuses to work
        :raises redis.DataError: and the like, for mistakes of the caller
        """
        attempt = 0
        while True:
            try:
                outcome = operation(self.client())
            except redis.exceptions.AuthenticationError as error:
                raise self._refused(error) from error
            except TRANSIENT as error:
                attempt += 1
                delay = self._failed(error, attempt)
                if delay is None:
                    raise SessionStoreUnavailable from error
                time.sleep(delay)
            except redis.ResponseError as error:
                if str(error).startswith("WRONGTYPE"):
                    raise
                raise self._refused(error) from error
            else:
                self._succeeded()
                return outcome

    def _failed(self, error: Exception, attempt: int) -> float | None:
        now = time.monotonic()
        first = self._outage.since is None
        self._outage, delay = after_failure(
            self._outage,
            attempt=attempt,
            now=now,
            budget=self._settings.redis_retry_budget,
            chance=random.random(),  # noqa: S311
        )
        if first:
            _logger.warning("Redis does not answer, trying again: %s", error)
        elif delay is None and attempt > 1:
            _logger.error(
                "Redis does not answer for %.1f s; requests get 503 until it does: %s",
                now - (self._outage.since or now),
                error,
            )
        return delay

    def _succeeded(self) -> None:
        since = self._outage.since
        if since is not None:
            _logger.warning("Redis answers again after %.1f s", time.monotonic() - since)
        self._outage = after_success(self._outage)

    def _refused(self, error: Exception) -> SessionStoreUnavailable:
        # The server's own words, such as WRONGPASS or NOPERM; they never repeat the password.
        _logger.error(
            "Redis refuses to work for this node (check redis_username, redis_password and the "
            "server's memory): %s",
            error,
        )
        return SessionStoreUnavailable()


def connect(settings: Settings) -> redis.Redis:
    """A client for the configured Redis; no connection is opened yet."""
    options = {
        "socket_timeout": settings.redis_timeout,
        "socket_connect_timeout": settings.redis_connect_timeout,
        "socket_keepalive": True,
        # A connection that was idle for this long is asked before it is used.
        "health_check_interval": 15,
        # Connection.call retries, over a failover and within one budget.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    tls = _tls(settings)
    credentials = {
        "db": settings.redis_database,
        "username": settings.redis_username,
        "password": settings.redis_password,
    }
    if not settings.redis_sentinels:
        url = settings.redis_url or ""
        if settings.redis_tls:
            url = url.replace("redis://", "rediss://", 1)
        if not url.startswith("rediss://"):
            tls = {}
        tls.pop("ssl", None)
        return redis.Redis.from_url(url, **credentials, **tls, **options)
    sentinel = redis.Sentinel(
        settings.redis_sentinels,
        sentinel_kwargs={
            "username": settings.redis_sentinel_username,
            "password": settings.redis_sentinel_password,
            **tls,
            **options,
        },
        **credentials,
        **tls,
        **options,
    )
    return sentinel.master_for(settings.redis_sentinel_service)


def _tls(settings: Settings) -> dict[str, object]:
    if not (settings.redis_tls or (settings.redis_url or "").startswith("rediss://")):
        return {}
    return {
        "ssl": True,
        "ssl_ca_certs": settings.redis_tls_ca,
        "ssl_certfile": settings.redis_tls_certificate,
        "ssl_keyfile": settings.redis_tls_key,
    }
