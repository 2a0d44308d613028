"""``ha-sidecar check``: tries each connection that the sidecar will need, and says how it went."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TextIO

from .actors.haproxy import Address, refuse_unchecked, servers_at
from .actors.pgbouncer.check import look_at
from .alerts.sender import targets
from .cluster import ClusterView
from .errors import ConfigError, SidecarError
from .etcd import Endpoint
from .memory_file import MemoryFile
from .patroni_keys import view_from_keys
from .patroni_rest import PatroniRest
from .prober import ask
from .publisher import Publisher
from .resolve import Resolver
from .service import credentials, etcd_access, node_watcher, pgbouncer_access, prefix
from .session import Session
from .settings import Settings

#: A person waits for the check, so it is more patient than the probe.
PATIENCE = 5.0


@dataclass(frozen=True)
class Result:
    """One thing tried. ``setting`` is where to look when it failed."""

    setting: str
    what: str
    problem: str | None = None
    found: str = ""


def check(settings: Settings, out: TextIO) -> int:
    """Try everything, print a line for each, return 0 when all is well and 1 otherwise."""
    failed = 0
    for result in _results(settings):
        if result.problem is None:
            print(f"ok    {result.what}: {result.found}", file=out)
        else:
            failed += 1
            print(f"FAIL  {result.what}: {result.problem} (setting {result.setting})", file=out)
    print(f"{failed} failed" if failed else "all is well", file=out)
    return 1 if failed else 0


def _results(settings: Settings) -> Iterator[Result]:
    yield _attempt(
        "topology_path", f"write {settings.topology_path}", partial(_publishable, settings)
    )
    yield _attempt("state_dir", f"use {settings.state_dir}", partial(_memory, settings))
    views: list[ClusterView] = []
    for url in settings.etcd_endpoints:
        yield _attempt("etcd_endpoints", f"etcd {url}", partial(_etcd, settings, url, views))
    for url in settings.patroni_urls:
        yield _attempt("patroni_urls", f"Patroni {url}", partial(_patroni, settings, url))
    if settings.pgbouncer_address is not None:
        yield _attempt(
            "pgbouncer_address",
            "PgBouncer {}:{}".format(*settings.pgbouncer_address),
            partial(look_at, pgbouncer_access(settings), settings.pgbouncer_databases_file),
        )
    for address in settings.haproxy_sockets:
        shown = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
        yield _attempt("haproxy_sockets", f"HAProxy {shown}", partial(_haproxy, address, settings))
    if settings.alert_urls_file is not None:
        yield _attempt("alert_urls_file", "alerts", partial(_alerts, settings))
    if settings.odoo_url is not None:
        yield _attempt("odoo_url", f"Odoo {settings.odoo_url}", partial(_odoo, settings))
    resolver = Resolver()
    for member in views[0].members if views else ():
        session = Session(member.target, credentials(settings), resolver)
        yield _attempt("probe_user", f"PostgreSQL {member.target}", partial(_postgres, session))
        session.close()


def _attempt(setting: str, what: str, action: Callable[[], str]) -> Result:
    try:
        return Result(setting, what, found=action())
    except (SidecarError, OSError) as error:
        return Result(setting, what, problem=str(error))


def _publishable(settings: Settings) -> str:
    Publisher(settings.topology_path).check()
    return "can be written"


def _memory(settings: Settings) -> str:
    memory = MemoryFile(settings.state_dir, settings.scope).load(settings.topology_path)
    nearest = next(
        each for each in (settings.state_dir, *settings.state_dir.parents) if each.exists()
    )
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise ConfigError(f"{nearest} can't be written by this user")
    return f"epoch {memory.epoch}, highest timeline {memory.highest_timeline}"


def _etcd(settings: Settings, url: str, views: list[ClusterView]) -> str:
    endpoint = Endpoint(url, etcd_access(settings))
    try:
        view = view_from_keys(endpoint.read(prefix(settings)).values)
    finally:
        endpoint.close()
    if not view.members:
        raise SidecarError(
            f"nothing of Patroni below {prefix(settings)}; are scope and namespace Patroni's?"
        )
    views.append(view)
    return f"leader {view.leader}, {len(view.members)} members"


def _patroni(settings: Settings, url: str) -> str:
    rest = PatroniRest(settings.patroni_timeout, settings.patroni_ca)
    try:
        view = rest.view(url, rest.cluster(url))
    finally:
        rest.close()
    return f"leader {view.leader}, {len(view.members)} members"


def _haproxy(address: Address, settings: Settings) -> str:
    backend = settings.haproxy_backend
    servers = servers_at(address, backend, time.monotonic() + PATIENCE)
    refuse_unchecked(backend, servers)
    return ", ".join(f"{server.name} {server.condition}" for server in servers)


def _alerts(settings: Settings) -> str:
    return f"{len(targets(settings.alert_urls_file))} targets"


def _odoo(settings: Settings) -> str:
    node = node_watcher(settings)
    node.look()
    seen = node.sight
    if seen.answer is None:
        raise SidecarError(seen.error or "no answer")
    workers = "" if seen.answer.workers is None else f", {seen.answer.workers} workers"
    return f"{seen.answer.status}{workers}"


def _postgres(session: Session) -> str:
    answer = ask(session, time.monotonic() + PATIENCE)
    if answer.in_recovery:
        return "a replica"
    return f"a primary on timeline {answer.timeline}"
