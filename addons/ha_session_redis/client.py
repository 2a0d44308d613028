"""Clients for each way in which Redis is run: one server, Sentinels, a Cluster."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry

from .settings import Settings


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
    }
    credentials = {"username": settings.redis_username, "password": settings.redis_password}
    url = settings.redis_url or ""
    if url.startswith("unix://"):
        return redis.Redis.from_url(url, db=settings.redis_database, **credentials, **options)
    options["socket_keepalive"] = True
    tls = _tls(settings)
    if url:
        if tls:
            url = url.replace("redis://", "rediss://", 1)
            del tls["ssl"]
        return redis.Redis.from_url(
            url, db=settings.redis_database, **credentials, **tls, **options
        )
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
