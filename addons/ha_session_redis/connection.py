"""One Redis client a process, and the one place where its failures are met."""

import logging
import os
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import redis

from . import breaker, status
from .breaker import Breaker, State
from .client import connect
from .errors import SessionStoreUnavailable
from .settings import Settings

_logger = logging.getLogger(__name__)

T = TypeVar("T")

#: What a failover looks like from here; a further attempt may well succeed.
TRANSIENT = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.TryAgainError,
    redis.exceptions.MasterDownError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MovedError,
    redis.exceptions.AskError,
    redis.exceptions.SlotNotCoveredError,
    redis.exceptions.RedisClusterException,  # no node of a Cluster answers
    redis.exceptions.NoScriptError,  # the primary changed between loading and running one
)

#: Why a script failed, in the words that Redis 6 puts around it.
_IN_SCRIPT = re.compile(r"@user_script: ?\d+: -([A-Z]+) ")
_BY_CODE: dict[str, type[redis.RedisError]] = {
    "READONLY": redis.exceptions.ReadOnlyError,
    "MASTERDOWN": redis.exceptions.MasterDownError,
    "OOM": redis.exceptions.OutOfMemoryError,
    "NOPERM": redis.exceptions.NoPermissionError,
}

#: Everything redis-py raises; what its Cluster client raises is no RedisError.
FAILURES = (redis.RedisError, redis.exceptions.RedisClusterException)


class _Process:
    """What must not be shared over a fork: sockets, and what this process saw of Redis."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.client: Any = None
        self.breaker = Breaker()
        self.lock = threading.Lock()
        self.changed = threading.Event()
        self.reason = ""


class Connection:
    """Runs operations on Redis, over failovers, behind a circuit breaker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._state = _Process()
        self.clustered = bool(settings.redis_cluster)

    def client(self) -> Any:
        """This process's client.

        :raises redis.exceptions.RedisClusterException: when no node of a Cluster answers
        """
        state = self._process()
        client = state.client
        if client is None:
            client = state.client = connect(self._settings)
        return client

    def call(self, name: str, operation: Callable[[Any], T]) -> T:
        """The outcome of ``operation``, which must be safe to run twice.

        :param name: what it is counted as
        :raises SessionStoreUnavailable: when Redis stays away or refuses to work
        :raises redis.ResponseError: when a key holds what no session is
        """
        state = self._process()
        if not state.breaker.lets_through:
            raise SessionStoreUnavailable
        attempt = 0
        while True:
            started = time.perf_counter()
            try:
                outcome = operation(state.client or self.client())
            except FAILURES as error:
                if isinstance(error, redis.ResponseError) and "WRONGTYPE" in str(error):
                    raise
                reason = plain(error)
                self._leave(state)
                attempt += 1
                delay = self._failed(state, reason, attempt)
                if delay is None:
                    raise SessionStoreUnavailable from error
                time.sleep(delay)
            else:
                if state.breaker.state is not State.CLOSED:
                    self._move(state, breaker.after_success(state.breaker, now=time.monotonic()))
                status.counters.answered(name, time.perf_counter() - started)
                return outcome

    # -- what the watch drives ------------------------------------------------------------------

    @property
    def breaker(self) -> Breaker:
        """What this process saw of Redis."""
        return self._process().breaker

    def wait(self, seconds: float) -> None:
        """Sleep, but not over the beginning or end of an outage."""
        state = self._process()
        state.changed.wait(seconds)
        state.changed.clear()

    def probe(self) -> bool:
        """Ask an absent Redis, by a write, whether it is back; True when it is now returning."""
        state = self._process()
        try:
            self.client().set(f"{self._settings.redis_prefix}:probe", "", px=1000)
        except (*FAILURES, OSError) as error:
            self._explain(state, error)
            return False
        self._move(state, breaker.after_probe(state.breaker, answered=True))
        return True

    def returned(self, *, complete: bool) -> None:
        """What was written elsewhere meanwhile is in Redis now, or could not be brought there."""
        state = self._process()
        now = time.monotonic()
        self._move(state, breaker.after_return(state.breaker, complete=complete, now=now))

    def run(self, operation: Callable[[Any], T]) -> T:
        """Run ``operation`` once, whatever the breaker says: for the watch alone.

        :raises redis.RedisError: when it fails
        """
        return operation(self.client())

    # -- failures -------------------------------------------------------------------------------

    def _process(self) -> _Process:
        if self._state.pid != os.getpid():
            self._state = _Process()
        return self._state

    def _leave(self, state: _Process) -> None:
        """Close the other links to a server that failed: it may be demoted or frozen, and keep them
        open. A Cluster's client finds out by itself."""
        if not self.clustered and state.client is not None:
            state.client.leave()

    def _failed(self, state: _Process, error: Exception, attempt: int) -> float | None:
        """Note the failure; the seconds to wait before the next attempt, None for none."""
        status.counters.errors += 1
        if _refused(error):
            self._explain(state, error)
            self._move(state, breaker.after_refusal(state.breaker, now=time.monotonic()))
            return None
        with state.lock:
            before = state.breaker
            state.breaker, delay = breaker.after_failure(
                before,
                attempt=attempt,
                now=time.monotonic(),
                patience=self._settings.redis_retry_budget,
                chance=random.random(),  # noqa: S311 (jitter)
            )
            after = state.breaker
        self._announce(state, before, after, error)
        return delay

    def _move(self, state: _Process, after: Breaker) -> None:
        with state.lock:
            before, state.breaker = state.breaker, after
        self._announce(state, before, after, None)

    def _announce(
        self, state: _Process, before: Breaker, after: Breaker, error: Exception | None
    ) -> None:
        """One line for each change that matters, none for each request."""
        if before.state is after.state:
            return
        state.changed.set()
        lasted = time.monotonic() - (before.since or time.monotonic())
        if after.state is State.WAITING:
            _logger.warning("Redis does not answer, trying again: %s", error)
        elif after.state is State.OPEN and before.lets_through:
            if error is not None:
                _logger.error(
                    "Redis does not answer for %.1f s; until it does, sessions are kept in "
                    "PostgreSQL where the app is installed, elsewhere requests get 503: %s",
                    lasted,
                    error,
                )
        elif after.state is State.CLOSED:
            state.reason = ""
            status.counters.degraded_seconds += lasted
            _logger.warning("Redis is in use again after %.1f s", lasted)

    def _explain(self, state: _Process, error: Exception) -> None:
        """Say once why Redis refuses. The server's own words never repeat a password."""
        remedy = _remedy(error)
        if _refused(error) and state.reason != remedy:
            state.reason = remedy
            _logger.error("Redis refuses to work for this node: %s: %s", remedy, error)


def plain(error: Exception) -> Exception:
    """The error that a script's failure would have been outside of it, as Redis 7 and newer say it."""
    match = _IN_SCRIPT.search(str(error)) if isinstance(error, redis.ResponseError) else None
    if match is None:
        return error
    kind = _BY_CODE.get(match[1])
    return (
        kind(str(error)[match.end() :])
        if kind
        else redis.ResponseError(str(error)[match.start(1) :])
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    item: BaseException | None = error
    while item is not None:
        yield item
        item = item.__cause__ or item.__context__


def _certificate(error: BaseException) -> bool:
    return any(isinstance(item, ssl.SSLCertVerificationError) for item in _chain(error)) or (
        "certificate" in str(error).lower()
    )


def _refused(error: BaseException) -> bool:
    """Does Redis answer, and will it go on saying no until somebody changes something?"""
    refusals = (redis.exceptions.AuthenticationError, redis.exceptions.AuthorizationError)
    if any(isinstance(item, refusals) for item in _chain(error)):
        return True
    if isinstance(error, TRANSIENT):
        return _certificate(error)
    words = ("NOREPLICAS", "LOADING", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY")
    return isinstance(error, redis.ResponseError) and not str(error).startswith(words)


def _remedy(error: BaseException) -> str:
    if _certificate(error):
        return "check the server's certificate (expired?) and redis_tls_ca, redis_tls_certificate"
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return "give it more memory"
    return "check redis_username, redis_password and the user's ACL"
