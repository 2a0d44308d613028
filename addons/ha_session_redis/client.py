"""Clients for each way in which Redis is run: one server, Sentinels, a Cluster."""

import time
from contextlib import suppress
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry

from .settings import Settings

try:
    from hiredis import pack_command
except ImportError:  # slower without
    pack_command = None

#: Seconds after an answer in which a link is used again without asking the kernel whether the server
#: closed it. If it did, that is an error like any other on the way, and the caller tries again.
_TRUSTED = 1.0


class Client(redis.Redis):
    """redis-py with links of its own, as many as commands are ever under way at the same time.

    redis-py's pool takes about as long to hand a link out and back as Redis takes to answer.
    Pipelines still use it.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        # Used as stacks: their pop and append are atomic, in gevent too.
        self._idle: list[tuple[Any, float]] = []
        self._closed: list[Any] = []
        super().__init__(*args, **options)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Redis's answer to one command, as redis-py has it."""
        (answer,) = self._ask(args)
        if isinstance(answer, redis.ResponseError):
            raise answer
        convert = self.response_callbacks.get(args[0])
        return answer if convert is None else convert(answer, **options)

    def execute_both(self, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, Any]:
        """Redis's answers to two commands that are sent at once, as Redis gives them; others may
        come between them. The second's may be an error.

        :raises redis.ResponseError: what the first was answered
        """
        answer, other = self._ask(first, second)
        if isinstance(answer, redis.ResponseError):
            raise answer
        return answer, other

    def _ask(self, *commands: tuple[Any, ...]) -> list[Any]:
        """The answers, errors among them, to commands that are sent in one go."""
        link, connected = self._link()
        answers: list[Any] = []
        try:
            if not connected:
                link.connect()  # to the primary that the Sentinels name now
            # Asks first whether a link that was idle for long still works.
            link.send_packed_command(_packed(link, commands))
            for _ in commands:
                try:
                    answers.append(link.read_response())
                except redis.ResponseError as error:
                    answers.append(error)
        finally:
            if len(answers) == len(commands):
                self._idle.append((link, time.monotonic()))
            else:
                self._close(link)  # what may still arrive on it is nobody's answer
        return answers

    def leave(self) -> None:
        """Close all links but those that a command is under way on."""
        self.connection_pool.disconnect(inuse_connections=False)
        while self._idle:
            self._close(self._idle.pop()[0])

    def close(self) -> None:
        """Close the links when nobody uses this client any more."""
        self.leave()
        return super().close()

    def _link(self) -> tuple[Any, bool]:
        """A link that is nobody else's, and whether it is connected."""
        while self._idle:
            link, since = self._idle.pop()
            if time.monotonic() - since < _TRUSTED:
                return link, True
            with suppress(redis.ConnectionError, redis.TimeoutError, OSError):
                if not link.can_read():
                    return link, True
            self._close(link)  # the server did, or it has an answer that nobody waited for
        return self._closed.pop() if self._closed else self.connection_pool.make_connection(), False

    def _close(self, link: Any) -> None:
        link.disconnect()
        self._closed.append(link)


def _packed(link: Any, commands: tuple[tuple[Any, ...], ...]) -> list[bytes]:
    """What is sent for the commands, in one piece if it can be."""
    # redis-py takes a command's name of two words apart.
    if pack_command is None or " " in commands[0][0]:
        return link.pack_commands(commands)
    return [b"".join(map(pack_command, commands))]


def connect(settings: Settings) -> Any:
    """A client for the configured Redis, thread-safe. Only a Cluster is connected to at once.

    :raises redis.exceptions.RedisClusterException: when no node of a Cluster answers
    """
    options: dict[str, Any] = {
        "socket_timeout": settings.redis_timeout,
        "socket_connect_timeout": settings.redis_connect_timeout,
        # A connection that was idle for this long is asked before it is used.
        "health_check_interval": 15,
        # Connection.call retries, over a failover and within one budget.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        # No more than there are threads, and none of those must be refused.
        "max_connections": 2**31,
    }
    credentials = {"username": settings.redis_username, "password": settings.redis_password}
    url = settings.redis_url or ""
    if url.startswith("unix://"):
        return Client.from_url(url, db=settings.redis_database, **credentials, **options)
    options["socket_keepalive"] = True
    tls = _tls(settings)
    if url:
        if tls:
            url = url.replace("redis://", "rediss://", 1)
            del tls["ssl"]
        return Client.from_url(url, db=settings.redis_database, **credentials, **tls, **options)
    if settings.redis_cluster:
        nodes = [ClusterNode(host, port) for host, port in settings.redis_cluster]
        return redis.RedisCluster(startup_nodes=nodes, **credentials, **tls, **options)
    sentinel = redis.Sentinel(
        settings.redis_sentinels,
        sentinel_kwargs={
            "username": settings.redis_sentinel_username,
            "password": settings.redis_sentinel_password,
            **tls,
            **options,
        },
        db=settings.redis_database,
        **credentials,
        **tls,
        **options,
    )
    return sentinel.master_for(settings.redis_sentinel_service, redis_class=Client)


def _tls(settings: Settings) -> dict[str, object]:
    if not (settings.redis_tls or (settings.redis_url or "").startswith("rediss://")):
        return {}
    return {
        "ssl": True,
        "ssl_ca_certs": settings.redis_tls_ca,
        "ssl_certfile": settings.redis_tls_certificate,
        "ssl_keyfile": settings.redis_tls_key,
    }
