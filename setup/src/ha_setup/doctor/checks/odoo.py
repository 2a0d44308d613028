"""Odoo's nodes: what each loads, its limits, what all must share. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ha_setup.doctor.checks.values import hold_timeout, number, processes, seconds, truth
from ha_setup.doctor.findings import Check, Finding, fail, ok, split, unknown, warn
from ha_setup.doctor.seen import Observation, Unseen
from ha_setup.render.database import CONNECTIONS_PER_PROCESS
from ha_setup.render.odoo import SERVER_WIDE_MODULES

#: What may differ from node to node.
OWN = {
    *("http_interface", "http_port", "gevent_port", "workers", "max_cron_threads", "data_dir"),
    *("logfile", "pidfile", "limit_memory_soft", "limit_memory_hard", "node_id", "topology_path"),
    *("drain_path", "cron_pools", "s3_cache_directory", "s3_cache_size", "geoip_city_db"),
}


def server_wide(seen: Observation) -> Iterator[Finding]:
    nodes, bad = split(seen, "odoo", seen.odoo)
    yield from bad
    for name, node in nodes.items():
        loaded = [m.strip() for m in node.options.get("server_wide_modules", "").split(",")]
        missing = [m for m in SERVER_WIDE_MODULES.split(",") if m not in loaded]
        if missing:
            yield fail(
                f"{node.file}: server_wide_modules lacks {', '.join(missing)}",
                f"server_wide_modules = {SERVER_WIDE_MODULES}, and restart Odoo",
                name,
            )
        elif node.stale > 2:
            yield warn(
                f"{node.file} was changed {node.stale:.0f} s after Odoo was started",
                "restart Odoo on this node: it runs with the settings of before",
                name,
            )
        else:
            yield ok("ha_base is loaded", name)


def health(seen: Observation) -> Iterator[Finding]:
    nodes, bad = split(seen, "odoo", seen.odoo)
    yield from bad
    for name, node in nodes.items():
        status, body = node.answers.get("/web/health", (0, "it was not asked"))
        if status != 200 or '"pass"' not in body:
            yield fail(
                f"/web/health: {status or ''} {body[:80]}".strip(),
                "see the node's log, and its sidecar: `ha-sidecar check`",
                name,
            )
        else:
            yield ok("pass", name)


def sidecars(seen: Observation) -> Iterator[Finding]:
    nodes, bad = split(seen, "odoo", seen.odoo)
    yield from bad
    primaries: dict[str, list[str]] = {}
    for name, node in nodes.items():
        fix = "`systemctl status ha-sidecar`, and `ha-sidecar check --config /etc/odoo-ha/sidecar.toml`"
        if isinstance(node.topology, Unseen):
            yield fail(f"no topology document: {node.topology.reason}", fix, name)
            continue
        oldest = seconds(node.ha.get("topology_max_age", ""), 10.0)
        state = node.topology.get("state")
        if node.topology_age > oldest:
            yield fail(f"its document is {node.topology_age:.0f} s old", fix, name)
        elif state != "stable":
            yield fail(f"it says {state}", fix, name)
        else:
            primary = str((node.topology.get("primary") or {}).get("name"))
            primaries.setdefault(primary, []).append(name)
            yield ok("a fresh document, stable", name)
    if len(primaries) > 1:
        said = ", ".join(f"{p} on {', '.join(who)}" for p, who in primaries.items())
        yield fail(f"the nodes follow different primaries: {said}", "look at each sidecar's log")


def limits(seen: Observation) -> Iterator[Finding]:
    nodes, bad = split(seen, "odoo", seen.odoo)
    yield from bad
    for name, node in nodes.items():
        hold = seconds(node.ha.get("hold_timeout", ""), 60.0)
        real = number(node.options, "limit_time_real", 120)
        cron = number(node.options, "limit_time_real_cron", -1)
        cron = real if cron < 0 else cron
        if 0 < real <= hold:
            yield fail(
                f"limit_time_real is {real:g} s, hold_timeout {hold:g} s: a worker would be killed"
                " while it holds a request",
                f"limit_time_real above {hold:g}, such as {3 * hold:g}",
                name,
            )
        elif 0 < cron < 120:
            yield fail(
                f"limit_time_real_cron is {cron:g} s: idle cron workers sleep for 60 s and more,"
                " and would be killed again and again",
                "limit_time_real_cron = 360",
                name,
            )
        elif not number(node.options, "workers", 0):
            yield warn(
                "workers = 0: one process serves all, and no limit holds",
                "set workers: twice the processors and one",
                name,
            )
        else:
            yield ok(f"limit_time_real {real:g} s, hold_timeout {hold:g} s", name)
    hold = hold_timeout(seen)
    if seen.request_timeout is not None and seen.request_timeout <= hold:
        yield fail(
            f"the balancer gives up after {seen.request_timeout:g} s, hold_timeout is {hold:g} s",
            f"the balancer's timeout above {hold:g} s",
        )


def connections(seen: Observation) -> Iterator[Finding]:
    nodes, bad = split(seen, "odoo", seen.odoo)
    servers, more = split(seen, "postgresql", seen.postgresql)
    yield from (*bad, *more)
    wanted = sum(CONNECTIONS_PER_PROCESS * processes(node) for node in nodes.values())
    for name, server in servers.items():
        there = number(server.settings, "max_connections", 0)
        free = there - number(server.settings, "superuser_reserved_connections", 3)
        if wanted > free and not seen.poolers:
            yield fail(
                f"max_connections is {there:g}; {len(nodes)} Odoo nodes may use {wanted}",
                f"`patronictl edit-config -p max_connections={wanted + 50}`, then restart the"
                " members one after the other; or fewer workers, or a PgBouncer",
                name,
            )
        else:
            yield ok(f"max_connections {there:g}, Odoo may use {wanted}", name)


def shared(seen: Observation) -> Iterator[Finding]:
    nodes, bad = split(seen, "odoo", seen.odoo)
    yield from bad
    own = OWN | ({"db_host"} if seen.poolers else set())
    for section in ("options", "ha"):
        texts = {name: getattr(node, section) for name, node in nodes.items()}
        for key in sorted({key for text in texts.values() for key in text} - own):
            told: dict[str | None, list[str]] = {}
            for name, text in texts.items():
                told.setdefault(text.get(key), []).append(name)
            if len(told) > 1:
                yield fail(
                    f"[{section}] {key} differs: "
                    + ", ".join(f"{_shown(v)} on {', '.join(who)}" for v, who in told.items()),
                    "make it the same in every odoo.conf, and restart what was changed",
                )
    if len(nodes) > 1:
        yield ok(f"{len(nodes)} nodes agree")


def _shown(value: str | None) -> str:
    if value is None:
        return "not set"
    return "one secret" if value.startswith("digest:") else repr(value)


def proxy(seen: Observation) -> Iterator[Finding]:
    nodes, bad = split(seen, "odoo", seen.odoo)
    yield from bad
    for name, node in nodes.items():
        if not truth(node.options.get("proxy_mode", "")):
            yield fail(
                "proxy_mode is off: links and cookies are made for the node, not for the balancer",
                "proxy_mode = True, and restart Odoo",
                name,
            )
        else:
            yield ok("proxy_mode is on", name)
    if seen.one_node:
        return
    texts, more = split(seen, "balancers", seen.balancers)
    yield from more
    identified = {
        node.ha["request_id_header"] for node in nodes.values() if "request_id_header" in node.ha
    }
    for name, text in texts.items():
        if "entryPoints" in text or '"routers"' in text:
            yield ok("Traefik sends the X-Forwarded headers by itself", name)
            continue
        for header in ("X-Forwarded-Host", "X-Forwarded-Proto", *sorted(identified)):
            sets = rf"(?im)^\s*(http-request set-header|proxy_set_header)\s+{re.escape(header)}\s"
            if not re.search(sets, text):
                yield fail(
                    f"it doesn't set {header}",
                    f"HAProxy: `http-request set-header {header} …`, nginx: `proxy_set_header"
                    f" {header} …;`, as `odoo-ha render` writes it",
                    name,
                )
            else:
                yield ok("it sets the headers", name)
        if not identified and "empty-response" in text:
            yield fail(
                "it sends a request again when a node dies, but no node knows requests by an id:"
                " one may be done twice",
                "request_id_header = X-Request-ID in [ha] of every node",
                name,
            )


def apps(seen: Observation) -> Iterator[Finding]:
    if isinstance(seen.database, Unseen):
        yield unknown(seen.database.reason)
        return
    nodes = [n for n in seen.odoo.values() if not isinstance(n, Unseen)]
    configured = {name for node in nodes for name in node.ha}
    wanted = ["ha_failover", "ha_cron_leader"]
    if configured & {"redis_url", "redis_sentinels", "redis_cluster"}:
        wanted.append("ha_session_redis")
    if "s3_bucket" in configured:
        wanted.append("ha_attachment_s3")
    missing = [name for name in wanted if name not in seen.database.apps]
    if missing:
        yield fail(
            f"{', '.join(missing)} not installed in the database",
            f"`odoo -d DATABASE -i {','.join(missing)} --stop-after-init`",
        )
    else:
        yield ok(", ".join(wanted))


CHECKS = (
    Check(
        "server-wide-modules",
        "Is the suite active in every Odoo process?",
        "Without ha_base in server_wide_modules a node has none of it: a failover is errors and logouts.",
        server_wide,
    ),
    Check(
        "health",
        "Does every node say that it is well?",
        "A node that fails isn't sent any request.",
        health,
    ),
    Check(
        "sidecars",
        "Does every node have a fresh topology document of one and the same primary?",
        "Without it Odoo searches the hosts in db_host by itself, seconds later.",
        sidecars,
    ),
    Check(
        "limits",
        "Do the limits leave a held request the time that it may wait?",
        "A worker that is killed while it waits for the new primary is an error for its user.",
        limits,
    ),
    Check(
        "connections",
        "Does PostgreSQL take all connections that Odoo may need?",
        "After a failover all processes connect at once.",
        connections,
    ),
    Check(
        "shared-configuration",
        "Do all Odoo nodes have the same configuration?",
        "A user goes from node to node: another password, bucket or limit there is an error now and then.",
        shared,
        compares=True,
    ),
    Check(
        "proxy",
        "Does Odoo know who asked, through the balancer?",
        "Otherwise links lead to the node, secure cookies get lost, and a request sent again may be done twice.",
        proxy,
    ),
    Check(
        "apps",
        "Are the suite's apps installed in the database?",
        "The tables of the commit markers, the leases and the sessions' fallback come with them.",
        apps,
    ),
)
