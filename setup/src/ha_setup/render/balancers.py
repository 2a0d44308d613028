"""What may stand before Odoo in HAProxy's place, and keepalived beside any of them. Pure."""

from __future__ import annotations

import json

from ha_setup.inventory import Inventory
from ha_setup.render import ports
from ha_setup.render.files import LIBRARY, PROGRAM, RenderedFile

CHECK = f"{LIBRARY}/check-balancer"


def nginx(inventory: Inventory) -> list[RenderedFile]:
    """nginx.conf, whole. It has neither active checks nor a queue: see docs/inventory.md."""
    nodes = inventory.with_role("odoo").values()
    upstreams = {
        name: "\n".join(
            f"        server {host.address}:{port} max_fails=1 fail_timeout=2s;" for host in nodes
        )
        for name, port in (("odoo", ports.ODOO), ("websocket", ports.GEVENT))
    }
    timeout = f"{inventory.balancer.request_timeout:g}s"
    name = inventory.balancer.domain or "_"
    if inventory.tls:
        listen = f"""\
        listen {ports.HTTPS} ssl http2 default_server;
        server_name {name};
        ssl_certificate {inventory.tls.certificate};
        ssl_certificate_key {inventory.tls.certificate};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets off;"""
        redirect = f"""
    server {{
        listen {ports.HTTP} default_server;
        server_name {name};
        return 308 https://$host$request_uri;
    }}
"""
    else:
        listen = f"        listen {ports.HTTP} default_server;\n        server_name {name};"
        redirect = ""
    text = f"""\
# Written by `odoo-ha render`; change the inventory instead.
user www-data;
worker_processes auto;
pid /run/nginx/nginx.pid;
error_log stderr warn;

events {{
    worker_connections 4096;
}}

http {{
    access_log syslog:server=unix:/dev/log,nohostname combined;
    server_tokens off;

    map $http_upgrade $connection_upgrade {{
        default upgrade;
        '' close;
    }}

    upstream odoo {{
        zone odoo 64k;
        least_conn;
{upstreams["odoo"]}
    }}

    upstream websocket {{
        zone websocket 64k;
        least_conn;
{upstreams["websocket"]}
    }}

    # For keepalived.
    server {{
        listen 127.0.0.1:{ports.BALANCER_STATUS};
        access_log off;
        location = /health {{
            return 200;
        }}
    }}
{redirect}
    server {{
{listen}
        client_max_body_size 128m;
        proxy_http_version 1.1;
        proxy_connect_timeout 3s;
        # Above Odoo's hold_timeout: a request that waits for a new primary is no error.
        proxy_read_timeout {timeout};
        proxy_send_timeout {timeout};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Real-IP $remote_addr;
        # The same when a request is sent again: Odoo knows by it what it has done already.
        proxy_set_header X-Request-ID $request_id;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        # A node died: the other one, POSTs too. Never after a timeout: the first may be at it still.
        proxy_next_upstream error non_idempotent;

        location / {{
            proxy_pass http://odoo;
        }}

        # The database manager's requests leave no marker in a database.
        location ^~ /web/database {{
            proxy_next_upstream off;
            proxy_pass http://odoo;
        }}

        location = /websocket {{
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
            proxy_pass http://websocket;
        }}
        location ^~ /websocket/ {{
            proxy_pass http://websocket;
        }}
    }}
}}
"""
    return [RenderedFile("/etc/nginx/nginx.conf", text)]


def traefik(inventory: Inventory) -> list[RenderedFile]:
    """Traefik 3. It can't number requests, so nothing is sent again when a node dies."""
    timeout = f"{inventory.balancer.request_timeout:g}s"
    timeouts = {"readTimeout": timeout, "writeTimeout": "0s", "idleTimeout": "180s"}
    people = "https" if inventory.tls else "http"
    points: dict[str, object] = {
        "http": {"address": f":{ports.HTTP}", "transport": {"respondingTimeouts": timeouts}},
        "status": {"address": f"127.0.0.1:{ports.BALANCER_STATUS}"},
    }
    router: dict[str, object] = {"entryPoints": [people], "middlewares": ["odoo"]}
    if inventory.tls:
        points["https"] = {
            "address": f":{ports.HTTPS}",
            "transport": {"respondingTimeouts": timeouts},
        }
        points["http"] = {
            "address": f":{ports.HTTP}",
            "http": {"redirections": {"entryPoint": {"to": "https", "scheme": "https"}}},
        }
        router["tls"] = {}
    static = {
        "entryPoints": points,
        "ping": {"entryPoint": "status"},
        "providers": {"file": {"directory": "/etc/traefik/dynamic", "watch": True}},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "WARN"},
    }
    host = f"Host(`{inventory.balancer.domain}`)"

    def service(port: int) -> dict[str, object]:
        return {
            "loadBalancer": {
                "servers": [{"url": f"http://{a}:{port}"} for a in inventory.addresses("odoo")],
                "healthCheck": {
                    "path": "/web/health",
                    "port": ports.GEVENT,
                    "interval": "1s",
                    "timeout": "2s",
                },
                "serversTransport": "odoo",
            }
        }

    dynamic: dict[str, object] = {
        "http": {
            "routers": {
                "odoo": {"rule": host, "service": "odoo", **router},
                "websocket": {
                    "rule": f"{host} && PathPrefix(`/websocket`)",
                    "service": "websocket",
                    **router,
                },
            },
            "services": {"odoo": service(ports.ODOO), "websocket": service(ports.GEVENT)},
            # A client's own id must not pass for one of the balancer's.
            "middlewares": {"odoo": {"headers": {"customRequestHeaders": {"X-Request-ID": ""}}}},
            "serversTransports": {
                "odoo": {
                    "forwardingTimeouts": {"dialTimeout": "3s", "responseHeaderTimeout": timeout}
                }
            },
        }
    }
    if inventory.tls:
        certificate = inventory.tls.certificate
        dynamic["tls"] = {"certificates": [{"certFile": certificate, "keyFile": certificate}]}
    # JSON is YAML: Traefik reads it as it is.
    return [
        RenderedFile("/etc/traefik/traefik.yml", json.dumps(static, indent=2) + "\n"),
        RenderedFile("/etc/traefik/dynamic/odoo.yml", json.dumps(dynamic, indent=2) + "\n"),
    ]


def keepalived(inventory: Inventory, name: str) -> list[RenderedFile]:
    """The virtual address on the balancer `name`. VRRP 3 moves it within a second of a loss:
    three advertisements of 0.3 s that don't come."""
    balancer = inventory.balancer
    if balancer.virtual_address is None:
        return []
    balancers = inventory.with_role("balancer")
    host = balancers[name]
    priority = 200 - list(balancers).index(name)
    peers = "\n".join(f"        {other.address}" for key, other in balancers.items() if key != name)
    text = f"""\
# Written by `odoo-ha render`; change the inventory instead.
global_defs {{
    router_id {name}
    vrrp_version 3
    enable_script_security
    # Another user makes `keepalived -t` of Debian 12 kill itself; the check only opens a connection.
    script_user root
}}

# The check itself asks twice. track_process would tell sooner, but not at all in a container.
vrrp_script answers {{
    script "{CHECK}"
    interval 1
    timeout 3
    fall 1
    rise 2
}}

vrrp_instance odoo {{
    state BACKUP
    # What comes back doesn't take the address again: one interruption less.
    nopreempt
    interface {host.interface}
    virtual_router_id {balancer.router_id}
    priority {priority}
    advert_int 0.3
    unicast_src_ip {host.address}
    unicast_peer {{
{peers}
    }}
    virtual_ipaddress {{
        {balancer.virtual_address}
    }}
    track_script {{
        answers
    }}
}}
"""
    path = "/ping" if balancer.software == "traefik" else "/health"
    check = f"""\
#!/bin/bash
# Does the balancer on this host answer? keepalived asks once a second, and ends what takes 3 s.
ask() {{
    {{
        printf 'GET {path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3
        read -r -t 2 _ status _ <&3 && [ "$status" = 200 ]
    }} 3<>/dev/tcp/127.0.0.1/{ports.BALANCER_STATUS}
}}
ask || {{
    sleep 0.2
    ask
}}
"""
    return [
        RenderedFile("/etc/keepalived/keepalived.conf", text),
        RenderedFile(CHECK, check, PROGRAM),
    ]
