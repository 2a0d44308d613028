"""haproxy.cfg. Its parts are those of the demonstration, with which the drills are run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ha_setup.inventory import Inventory
from ha_setup.inventory.model import workers
from ha_setup.render import ports
from ha_setup.render.files import RenderedFile


@dataclass(frozen=True)
class OdooServer:
    """An Odoo node as the balancer sees it. It gets as many requests at a time as it has workers."""

    name: str
    address: str
    port: int
    gevent_port: int
    workers: int


@dataclass(frozen=True)
class PostgresqlServer:
    """A PostgreSQL whose Patroni tells its role on `patroni_port`."""

    name: str
    address: str
    port: int
    patroni_port: int


#: The largest request that can be sent again.
BUFFER_SIZE = 65536


def defaults(request_timeout: float) -> str:
    """`request_timeout`, in seconds, is above Odoo's hold_timeout: a held request is no error."""
    return f"""\
defaults
    mode http
    log global
    option httplog
    option forwardfor
    option redispatch
    retries 3
    timeout connect 3s
    timeout client {request_timeout:g}s
    timeout server {request_timeout:g}s
    timeout tunnel 1h
    timeout http-request 10s
    timeout check 2s
"""


def odoo_backends(servers: Sequence[OdooServer], *, prefix: str, queue_timeout: float) -> str:
    """The backends `<prefix>odoo` and `<prefix>websocket`.

    The bare check of the guides, answered by the gevent port: busy workers cannot fail it.
    A server gets as many requests as it has workers; the rest wait here, and go to the other node
    when theirs dies. What was sent to a node that died is sent again, a POST too: by its id the
    other node knows whether it took effect. But not the database manager's, which has no markers.
    One refused connection marks a server down until its next check: while the other node is full,
    each retry would choose the dead one, which has the fewest connections.
    """
    gevent_port = servers[0].gevent_port
    nodes = "\n".join(
        f"    server {s.name} {s.address}:{s.port} maxconn {s.workers}" for s in servers
    )
    websockets = "\n".join(
        f"    server {s.name} {s.address}:{s.gevent_port} track {prefix}odoo/{s.name}"
        for s in servers
    )
    return f"""\
backend {prefix}odoo
    balance leastconn
    option httpchk GET /web/health
    option redispatch 1
    retry-on conn-failure empty-response
    http-request disable-l7-retry if {{ path_beg /web/database }}
    timeout queue {queue_timeout:g}s
    default-server check port {gevent_port} inter 1s fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down
{nodes}

backend {prefix}websocket
    balance leastconn
{websockets}
"""


def postgresql(
    name: str, bind: str, servers: Sequence[PostgresqlServer], *, frontend: str, role: str
) -> str:
    """A way to PostgreSQL for clients of the balancer: Patroni answers 200 where `role` is."""
    lines = "\n".join(
        f"    server {s.name} {s.address}:{s.port} check port {s.patroni_port}" for s in servers
    )
    return f"""\
frontend {frontend}
    bind {bind}
    mode tcp
    option tcplog
    timeout client 30m
    default_backend {name}

backend {name}
    mode tcp
    option redispatch 1
    option httpchk OPTIONS /{role}
    http-check expect status 200
    timeout server 30m
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
{lines}
"""


def files(inventory: Inventory) -> list[RenderedFile]:
    """haproxy.cfg of each balancer; None is needed where nginx or Traefik serve and nobody asks for PostgreSQL."""
    if not is_used(inventory):
        return []
    return [RenderedFile("/etc/haproxy/haproxy.cfg", configuration(inventory))]


def is_used(inventory: Inventory) -> bool:
    balancer = inventory.balancer
    return balancer.software == "haproxy" or bool(balancer.postgresql_clients)


def configuration(inventory: Inventory) -> str:
    """The text of haproxy.cfg."""
    parts = [_global(), defaults(inventory.balancer.request_timeout)]
    if inventory.balancer.software == "haproxy":
        parts += [_status(), _people(inventory), _odoo(inventory)]
    if inventory.balancer.postgresql_clients:
        parts += _postgresql(inventory)
    return "\n".join(parts)


def _global() -> str:
    return f"""\
# Written by `odoo-ha render`; change the inventory instead.
global
    maxconn 4000
    log /dev/log local0
    user haproxy
    group haproxy
    tune.bufsize {BUFFER_SIZE}  # the largest request that can be sent again
    stats socket /run/haproxy/admin.sock mode 660 level admin
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
"""


def _status() -> str:
    return f"""\
# For keepalived, and for people on this host.
frontend status
    bind 127.0.0.1:{ports.BALANCER_STATUS}
    no log
    monitor-uri /health
    stats enable
    stats uri /
    stats refresh 5s
"""


def _people(inventory: Inventory) -> str:
    lines = ["frontend people", f"    bind :{ports.HTTP}"]
    if inventory.tls:
        lines += [
            f"    bind :{ports.HTTPS} ssl crt {inventory.tls.certificate} alpn h2,http/1.1",
            "    http-request redirect scheme https code 308 unless { ssl_fc }",
        ]
    if domain := inventory.balancer.domain:
        lines.append(
            "    http-request deny deny_status 421 unless"
            f" {{ req.hdr(host),field(1,:) -i {domain} }}"
        )
    return "\n".join(
        [
            *lines,
            "    http-request set-header X-Forwarded-Host %[req.hdr(host)]",
            f"    http-request set-header X-Forwarded-Proto {'https' if inventory.tls else 'http'}",
            "    http-request set-header X-Request-ID %[uuid()]",
            "    use_backend websocket if { path_beg /websocket }",
            "    default_backend odoo",
            "",
        ]
    )


def _odoo(inventory: Inventory) -> str:
    servers = [
        OdooServer(name, host.address, ports.ODOO, ports.GEVENT, workers(host))
        for name, host in inventory.with_role("odoo").items()
    ]
    return odoo_backends(servers, prefix="", queue_timeout=inventory.balancer.queue_timeout)


def _postgresql(inventory: Inventory) -> list[str]:
    servers = [
        PostgresqlServer(name, host.address, ports.POSTGRESQL, ports.PATRONI)
        for name, host in inventory.with_role("postgresql").items()
    ]
    return [
        postgresql(
            f"postgresql_{role}", f":{port}", servers, frontend=f"to_postgresql_{role}", role=role
        )
        for role, port in (("primary", ports.TO_PRIMARY), ("replica", ports.TO_REPLICAS))
    ]
