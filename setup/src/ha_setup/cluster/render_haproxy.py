"""HAProxy in front of both variants and of PostgreSQL. Pure."""

from __future__ import annotations

from pathlib import Path

from ha_setup.cluster import layout as at
from ha_setup.cluster.launch import ConfigFile, Launch
from ha_setup.cluster.layout import Layout
from ha_setup.parts import Parts
from ha_setup.render import haproxy as product

POSTGRES_BACKEND = "postgresql_primary"
REQUEST_TIMEOUT_S = 150
QUEUE_TIMEOUT_S = 90


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
    tune.bufsize {product.BUFFER_SIZE}  # the largest request that can be sent again
    stats socket {admin_socket(layout)} mode 600 level admin

{product.defaults(REQUEST_TIMEOUT_S)}
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
    """What `odoo-ha render` gives a cluster of one's own."""
    servers = [
        product.OdooServer(h.name, h.address, at.ODOO_PORT, at.GEVENT_PORT, at.ODOO_WORKERS)
        for h in layout.odoo
    ]
    backends = product.odoo_backends(servers, prefix="suite_", queue_timeout=QUEUE_TIMEOUT_S)
    return f"{_frontend(layout, 'suite', at.BALANCER_SUITE_PORT)}\n{backends}"


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
    servers = [
        product.PostgresqlServer(h.name, h.address, at.PG_PORT, at.PATRONI_PORT) for h in layout.pg
    ]
    return product.postgresql(
        POSTGRES_BACKEND,
        f"{layout.balancer.address}:{at.BALANCER_PG_PORT}",
        servers,
        frontend="postgresql",
        role="primary",
    )
