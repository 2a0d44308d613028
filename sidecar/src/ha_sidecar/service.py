"""Puts the parts together from the settings."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import structlog

from . import __version__
from .actors import Actor
from .actors.haproxy import HaproxyActor
from .actors.pgbouncer import PgBouncer
from .actors.pgbouncer.console import Access as ConsoleAccess
from .alerts.alerter import Alerter, members_of, prefix_of, topology_of
from .alerts.report import report
from .alerts.routes import AlertRoutes
from .alerts.sender import Sender, check_cheaply, send_test
from .api import Api, Order, Page, TcpApi
from .certificates import CertificateWatcher, places
from .cluster import ProbeReport
from .config import read_secret
from .drain import drain_path
from .driver import Driver, Wake
from .election import EtcdWatcher
from .errors import ConfigError
from .etcd import Access
from .health_api import AgentApi, HealthApi
from .history_file import History
from .listener import Listener
from .memory_file import MemoryFile
from .metrics import Metrics
from .node_watch import NodeWatcher
from .notify import Notifier
from .order_desk import OrderDesk
from .patroni_rest import PatroniPoller
from .prober import Prober
from .publisher import Publisher
from .replication import ReplicationWatcher
from .resolve import Resolver
from .session import Credentials
from .settings import Settings
from .state import Limits

_log = structlog.get_logger("ha_sidecar")


def prefix(settings: Settings) -> str:
    """Return the prefix of the cluster's keys in etcd."""
    return f"{settings.namespace}{settings.scope}/"


def etcd_access(settings: Settings) -> Access:
    password: Callable[[], str] | None = None
    if path := settings.etcd_password_file:
        password = lambda: read_secret("etcd_password_file", path)  # noqa: E731
    return Access(
        timeout=settings.etcd_timeout,
        username=settings.etcd_username,
        password=password,
        ca=settings.etcd_ca,
        cert=settings.etcd_cert,
        key=settings.etcd_key,
    )


def credentials(settings: Settings) -> Credentials:
    password: Callable[[], str] | None = None
    if path := settings.probe_password_file:
        password = lambda: read_secret("probe_password_file", path)  # noqa: E731
    return Credentials(
        user=settings.probe_user,
        database=settings.probe_database,
        password=password,
        sslmode=settings.probe_sslmode,
        sslrootcert=settings.probe_sslrootcert,
    )


def patroni_poller(settings: Settings, on_change: Callable[[], None]) -> PatroniPoller | None:
    if not settings.patroni_urls:
        return None
    return PatroniPoller(
        settings.patroni_urls,
        timeout=settings.patroni_timeout,
        ca=settings.patroni_ca,
        on_change=on_change,
    )


def pgbouncer_access(settings: Settings) -> ConsoleAccess:
    """Return where PgBouncer's console is; ``pgbouncer_address`` must be set."""
    assert settings.pgbouncer_address is not None
    password: Callable[[], str] | None = None
    if path := settings.pgbouncer_password_file:
        password = lambda: read_secret("pgbouncer_password_file", path)  # noqa: E731
    login = Credentials(user=settings.pgbouncer_user, database="pgbouncer", password=password)
    return ConsoleAccess(*settings.pgbouncer_address, login)


def pgbouncer(settings: Settings) -> PgBouncer:
    return PgBouncer(
        pgbouncer_access(settings),
        databases=settings.pgbouncer_databases,
        file=settings.pgbouncer_databases_file,
        password_file=settings.pgbouncer_password_file,
        pause_limit=settings.pgbouncer_pause_limit,
    )


def actors(settings: Settings, resolver: Resolver) -> tuple[Actor, ...]:
    """Return the actors that the settings ask for, not started yet."""
    balancers = tuple(
        HaproxyActor(address, settings.haproxy_backend, resolver)
        for address in settings.haproxy_sockets
    )
    return balancers if settings.pgbouncer_address is None else (*balancers, pgbouncer(settings))


def node_watcher(settings: Settings) -> NodeWatcher:
    token: Callable[[], str] | None = None
    if path := settings.odoo_token_file:
        token = lambda: read_secret("odoo_token_file", path)  # noqa: E731
    return NodeWatcher(
        settings.odoo_url,
        drain_path(settings),
        interval=settings.odoo_interval,
        timeout=settings.odoo_timeout,
        max_age=settings.odoo_max_age,
        token=token,
    )


def alerter(
    settings: Settings, publisher: Publisher, node: NodeWatcher, certificates: CertificateWatcher
) -> Alerter:
    """Return the alerter's thread, not started yet. Raises ConfigError."""
    check_cheaply(settings.alert_urls_file)

    def topology() -> Mapping[str, Any] | None:
        return topology_of(publisher.document)

    def told() -> dict[str, Any]:
        now = time.monotonic()
        return report(
            node.sight,
            asked=settings.odoo_url is not None,
            current=node.is_current(now),
            status=node.verdict(now).status,
            topology=topology(),
            certificates=certificates.seen,
        )

    return Alerter(
        me=settings.node_name or socket.gethostname(),
        prefix=prefix_of(settings.namespace, settings.scope),
        members=members_of(settings.etcd_endpoints, etcd_access(settings)),
        report=told,
        topology=topology,
        sender=lambda on_sent: Sender(settings.scope, settings.alert_urls_file, on_sent),
    )


def listeners(
    settings: Settings,
    publisher: Publisher,
    metrics: Metrics,
    node: NodeWatcher,
    pages: Mapping[str, Page],
    orders: Mapping[str, Order],
) -> list[Listener]:
    """Return the API's listeners, not serving yet. Raises ConfigError."""
    clients = settings.socket_clients
    where, mode = settings.socket_path, settings.socket_mode
    found: list[Listener] = [Api(where, mode, clients, publisher, metrics, node, pages, orders)]
    token: Callable[[], str] | None = None
    if path := settings.token_file:
        token = lambda: read_secret("token_file", path)  # noqa: E731
    try:
        if settings.listen is not None and token is not None:
            found.append(TcpApi(settings.listen, token, clients, publisher, metrics, node, pages))
        if settings.health_listen is not None:
            found.append(HealthApi(settings.health_listen, clients, node, token))
        if settings.agent_listen is not None:
            found.append(AgentApi(settings.agent_listen, clients, node))
    except ConfigError:
        for listener in found:
            listener.end()
        raise
    return found


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises SidecarError before serving, never silently after."""
    wake, resolver, login = Wake(), Resolver(), credentials(settings)
    publisher, metrics = Publisher(settings.topology_path), Metrics(settings.scope)
    publisher.check()
    with MemoryFile(settings.state_dir, settings.scope) as memory_file:
        memory = memory_file.load(settings.topology_path)
        # Written at once: a state_dir that can't be written to is a fault before serving.
        memory_file.try_out(memory)
        node = node_watcher(settings)
        history = History(memory_file.path.with_suffix(".history.json"))
        order_desk = OrderDesk(settings)
        pages: dict[str, Page] = {"/history": history.status, "/orders": order_desk.status}
        certificates = CertificateWatcher(places(settings), settings.certificate_interval)
        alerts = alerter(settings, publisher, node, certificates)
        routes = AlertRoutes(alerts, lambda: send_test(settings.scope, settings.alert_urls_file))
        pages |= {"/certificates": certificates.status, **routes.pages()}
        orders = {**order_desk.orders(), **routes.orders()}
        apis = listeners(settings, publisher, metrics, node, pages, orders)
        servants = actors(settings, resolver)
        watcher = EtcdWatcher(
            settings.etcd_endpoints,
            etcd_access(settings),
            prefix(settings),
            idle_timeout=settings.watch_idle_timeout,
            on_change=wake.ring,
        )
        metrics.count(watcher.rereads, {each.name: each.results for each in servants})
        metrics.watch(publisher, node, certificates)

        def on_report(report: ProbeReport, took: float) -> None:
            metrics.probed(report, took)
            wake.ring()

        driver = Driver(
            scope=settings.scope,
            limits=Limits(settings.prove_timeout, settings.switching_timeout),
            # Longer than a watch may be silent and a re-read may then take.
            patience=settings.watch_idle_timeout + 2 * settings.etcd_timeout,
            wake=wake,
            watcher=watcher,
            poller=patroni_poller(settings, wake.ring),
            prober=Prober(
                login,
                resolver,
                interval=settings.probe_interval,
                timeout=settings.probe_timeout,
                on_report=on_report,
            ),
            replication=ReplicationWatcher(login, resolver),
            memory_file=memory_file,
            memory=memory,
            history=history,
            publisher=publisher,
            metrics=metrics,
            notifier=Notifier(os.environ),
            actors=servants,
        )

        def on_signal(number: int, frame: FrameType | None) -> None:
            driver.stop()

        def on_death(death: threading.ExceptHookArgs) -> None:
            _log.critical(
                "a thread died; the process ends", thread=death.thread and death.thread.name,
                exc_info=death.exc_value,
            )  # fmt: skip
            driver.fail(death.exc_value or RuntimeError("unknown"))

        threading.excepthook = on_death
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_signal)
        _log.info("started", version=__version__, scope=settings.scope, epoch=memory.epoch)
        for api in apis:
            api.begin()
        watching = (node, certificates, alerts)
        for thread in watching:
            thread.start()
        try:
            driver.run()
        finally:
            for thread in watching:
                thread.end()
            # It lets go of its lease, so that the next alerter needn't wait.
            alerts.join(settings.etcd_timeout)
            for api in apis:
                api.end()
            _log.info("stopped")
