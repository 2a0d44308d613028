"""Redis and its Sentinels."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ha_setup.cluster.health import redis_command, redis_info
from ha_setup.cluster.layout import Host
from ha_setup.doctor import seen
from ha_setup.doctor.target import Server, Target


def redis(place: Server, password: str) -> tuple[seen.Redis, float]:
    """One Redis, and how far its clock is ahead."""

    def ask(*words: str) -> str:
        return redis_command(Host(place.name, place.address), place.port, password, *words)

    before = time.time()
    seconds, microseconds = ask("TIME").split("\n")
    skew = float(f"{seconds}.{microseconds:>06}") - (before + time.time()) / 2
    return seen.Redis(redis_info(ask("INFO")), _pairs(ask("CONFIG", "GET", "*"))), skew


def sentinel(place: Server, target: Target) -> seen.Sentinel:
    """One Sentinel's view of the service."""
    service = target.redis_service

    def ask(*words: str) -> str:
        host = Host(place.name, place.address)
        return redis_command(host, place.port, target.sentinel_password, *words)

    try:
        quorum = ask("SENTINEL", "CKQUORUM", service)
    except OSError as problem:
        quorum = str(problem)
    return seen.Sentinel(
        version=redis_info(ask("INFO", "server")).get("redis_version", ""),
        primary=ask("SENTINEL", "get-master-addr-by-name", service).split("\n")[0],
        master=_pairs(ask("SENTINEL", "MASTER", service)),
        quorum=quorum,
    )


def watched_by(sentinels: Iterable[seen.Sentinel | seen.Unseen]) -> tuple[Server, ...]:
    """The primary that the first Sentinel names, where nobody told the servers."""
    for each in sentinels:
        if isinstance(each, seen.Sentinel) and each.primary:
            port = each.master.get("port", "6379")
            return (Server(each.primary, each.primary, int(port)),)
    return ()


#: Passwords are among what CONFIG GET tells.
_SECRET = ("requirepass", "masterauth", "auth-pass")


def _pairs(text: str) -> dict[str, str]:
    words = text.split("\n")
    pairs = zip(words[::2], words[1::2], strict=False)
    return {name: value for name, value in pairs if name not in _SECRET}
