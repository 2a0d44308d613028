"""Redis and its Sentinels. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ha_setup.doctor.checks.values import number, seconds
from ha_setup.doctor.findings import Check, Finding, fail, ok, split, warn
from ha_setup.doctor.seen import Observation, Redis, Unseen


def persistence(seen: Observation) -> Iterator[Finding]:
    servers, bad = split(seen, "redis", seen.redis)
    yield from bad
    if not seen.redis and not bad:
        yield ok("there is none: sessions are in files or in PostgreSQL")
    for name, server in servers.items():
        yield from list(_server(name, server)) or [ok("appendonly, noeviction", name)]
    primaries = [s for s in servers.values() if s.info.get("role") == "master"]
    if servers and not bad and len(primaries) != 1:
        yield fail(
            f"{len(primaries)} servers say that they are the primary", "look at the Sentinels' logs"
        )
    for name, server in servers.items():
        if server.info.get("role") == "master" and server.info.get("connected_slaves") == "0":
            yield fail(
                "it has no replica: its loss is a pause for all", "bring a replica back", name
            )
        elif server.info.get("role") == "slave" and server.info.get("master_link_status") != "up":
            yield warn("its link to the primary is down", "see its log", name)


def _server(name: str, server: Redis) -> Iterator[Finding]:
    keep = "`CONFIG SET {0}` and `CONFIG REWRITE`"
    policy = server.config.get("maxmemory-policy")
    if policy != "noeviction":
        yield fail(
            f"maxmemory-policy is {policy}: when memory is short, people are logged out",
            keep.format("maxmemory-policy noeviction"),
            name,
        )
    if server.config.get("appendonly") != "yes":
        yield fail(
            "appendonly is off: a restart of all servers logs everybody out",
            keep.format("appendonly yes"),
            name,
        )
    elif server.config.get("appendfsync") == "no":
        yield warn("appendfsync is no", keep.format("appendfsync everysec"), name)
    if server.info.get("aof_last_write_status", "ok") != "ok":
        yield fail("its last write to disk failed", "look at the disk and at its log", name)
    most, used = number(server.config, "maxmemory", 0), number(server.info, "used_memory", 0)
    if most and used > 0.8 * most:
        yield warn(
            f"{used / most:.0%} of maxmemory is used; when it is full, no session can be saved",
            "give it more memory, or shorten session_anonymous_lifetime",
            name,
        )


def quorum(seen: Observation) -> Iterator[Finding]:
    sentinels, bad = split(seen, "redis" if "redis" in seen.absent else "sentinels", seen.sentinels)
    yield from bad
    if not seen.sentinels and not bad:
        yield ok("there are none")
        return
    named: dict[str, list[str]] = {}
    budgets = [
        seconds(node.ha.get("redis_retry_budget", ""), 10.0)
        for node in seen.odoo.values()
        if not isinstance(node, Unseen)
    ]
    budget = min(budgets, default=10.0)
    for name, sentinel in sentinels.items():
        named.setdefault(sentinel.primary, []).append(name)
        others = number(sentinel.master, "num-other-sentinels", 0)
        wanted = number(sentinel.master, "quorum", 0)
        silent = number(sentinel.master, "down-after-milliseconds", 30_000) / 1000
        if not sentinel.quorum.startswith("OK"):
            yield fail(
                f"no failover is possible: {sentinel.quorum}", "bring the Sentinels back", name
            )
        elif others < 2:
            yield fail(
                f"it knows {others:g} other Sentinels: with one lost there is no majority",
                "run three Sentinels on three hosts",
                name,
            )
        elif wanted < 2:
            yield fail(
                "the quorum is 1: one Sentinel that is cut off can begin a failover",
                f"`SENTINEL SET NAME quorum {int(others + 1) // 2 + 1}` on each Sentinel",
                name,
            )
        elif silent + 3 > budget:
            yield fail(
                f"a silent primary is replaced after {silent:g} s, redis_retry_budget is {budget:g} s",
                "`SENTINEL SET NAME down-after-milliseconds 1000` on each Sentinel",
                name,
            )
        else:
            yield ok(f"quorum {wanted:g} of {others + 1:g}, failover after {silent:g} s", name)
    if len(named) > 1:
        said = ", ".join(f"{primary} by {', '.join(who)}" for primary, who in named.items())
        yield fail(f"they name different primaries: {said}", "`SENTINEL RESET NAME` on the odd one")


CHECKS = (
    Check(
        "redis-persistence",
        "Does Redis keep sessions, whatever happens?",
        "A session that was thrown out for room, or lost in a restart, is a user logged out.",
        persistence,
    ),
    Check(
        "sentinel-quorum",
        "Can the Sentinels replace a lost Redis, in time?",
        "Without a majority of them nobody does, and sessions fall back to PostgreSQL.",
        quorum,
    ),
)
