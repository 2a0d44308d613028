"""HAProxy in front of both variants and of PostgreSQL. Pure."""

from __future__ import annotations

from pathlib import Path

from ha_setup.cluster import layout as at
from ha_setup.cluster.launch import ConfigFile, Launch
from ha_setup.cluster.layout import Layout
from ha_setup.parts import Parts

POSTGRES_BACKEND = "postgresql_primary"


def admin_socket(layout: Layout) -> Path:
    """Where HAProxy takes commands: from people, and from the sidecars about PostgreSQL."""
    return layout.run_dir("haproxy") / "admin.sock"


def haproxy(layout: Layout, parts: Parts) -> Launch:
    """One HAProxy in the foreground."""
    config = layout.conf_dir("haproxy") / "haproxy.cfg"
    return Launch(
        argv=(str(parts.haproxy), "-db", "-f", str(config)),
        files=(ConfigFile(config, haproxy_config(layout)),),
        directories=(layout.run_dir("haproxy"),),
    )


def haproxy_config(layout: Layout) -> str:
    """The text of haproxy.cfg."""
    return "\n".join([_common(layout), _suite(layout), _stock(layout), _postgres(layout)])


def _common(layout: Layout) -> str:
    return f"""\
global
    maxconn 2000
    log stdout format raw local0
    tune.bufsize 65536  # the largest request that can be sent again
    stats socket {admin_socket(layout)} mode 600 level admin

defaults
    mode http
    log global
    option httplog
    option forwardfor
    option redispatch
    retries 3
    timeout connect 3s
    timeout client 150s
    timeout server 150s
    timeout tunnel 1h
    timeout http-request 10s
    timeout check 2s

frontend stats
    bind {layout.balancer.address}:{at.BALANCER_STATS_PORT}
    no log
    stats enable
    stats uri /
    stats refresh 2s
"""


def _frontend(layout: Layout, variant: str, port: int) -> str:
    return f"""\
frontend {variant}
    bind {layout.balancer.address}:{port}
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Request-ID %[uuid()]
    use_backend {variant}_websocket if {{ path_beg /websocket }}
    default_backend {variant}_odoo
"""


def _suite(layout: Layout) -> str:
    """The bare check of the guides, answered by the gevent port: busy workers cannot fail it.

    A server gets as many requests as it has workers; the rest wait here, and go to the other node
    when theirs dies. What was sent to a node that died is sent again, a POST too: by its id the
    other node knows whether it took effect. But not the database manager's, which has no markers.
    One refused connection marks a server down until its next check: while the other node is full,
    each retry would choose the dead one, which has the fewest connections.
    """
    servers = "\n".join(
        f"    server {h.name} {h.address}:{at.ODOO_PORT} maxconn {at.ODOO_WORKERS}"
        for h in layout.odoo
    )
    websockets = "\n".join(
        f"    server {h.name} {h.address}:{at.GEVENT_PORT} track suite_odoo/{h.name}"
        for h in layout.odoo
    )
    return f"""\
{_frontend(layout, "suite", at.BALANCER_SUITE_PORT)}
backend suite_odoo
    balance leastconn
    option httpchk GET /web/health
    option redispatch 1
    retry-on conn-failure empty-response
    http-request disable-l7-retry if {{ path_beg /web/database }}
    timeout queue 90s
    default-server check port {at.GEVENT_PORT} inter 1s fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down
{servers}

backend suite_websocket
    balance leastconn
{websockets}
"""


def _stock(layout: Layout) -> str:
    """As the guides have it, but with a Host header: without one stock Odoo answers 500 to the check."""
    servers = "\n".join(f"    server {h.name} {h.address}:{at.ODOO_PORT}" for h in layout.odoo)
    websockets = "\n".join(
        f"    server {h.name} {h.address}:{at.GEVENT_PORT} track stock_odoo/{h.name}"
        for h in layout.odoo
    )
    return f"""\
{_frontend(layout, "stock", at.BALANCER_STOCK_PORT)}
backend stock_odoo
    balance roundrobin
    option httpchk
    http-check send meth GET uri /web/health ver HTTP/1.1 hdr Host odoo.example
    default-server check inter 3s fall 3 rise 2
{servers}

backend stock_websocket
    balance roundrobin
{websockets}
"""


def _postgres(layout: Layout) -> str:
    """The route to the primary that Patroni's guides give. In the suite, the sidecars move its
    servers as soon as the new primary has proven itself; the checks alone take three of them."""
    servers = "\n".join(
        f"    server {h.name} {h.address}:{at.PG_PORT} check port {at.PATRONI_PORT}"
        for h in layout.pg
    )
    return f"""\
frontend postgresql
    bind {layout.balancer.address}:{at.BALANCER_PG_PORT}
    mode tcp
    option tcplog
    timeout client 30m
    default_backend {POSTGRES_BACKEND}

backend {POSTGRES_BACKEND}
    mode tcp
    option redispatch 1
    option httpchk OPTIONS /primary
    http-check expect status 200
    timeout server 30m
    default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
{servers}
"""
