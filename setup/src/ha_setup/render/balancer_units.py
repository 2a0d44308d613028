"""Units of a balancer's services. Pure."""

from __future__ import annotations

from ha_setup.inventory import Inventory
from ha_setup.render import haproxy
from ha_setup.render.files import RenderedFile
from ha_setup.render.unit import NO_DEVICES, unit


def files(inventory: Inventory) -> list[RenderedFile]:
    """The services of one balancer."""
    found = []
    software = inventory.balancer.software
    bind = "CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID CAP_CHOWN"
    if haproxy.is_used(inventory):
        config = "/etc/haproxy/haproxy.cfg"
        found.append(
            unit(
                "haproxy",
                "HAProxy",
                f"/usr/sbin/haproxy -Ws -f {config} -p /run/haproxy/haproxy.pid",
                [
                    "Type=notify",
                    f"ExecReload=/usr/sbin/haproxy -c -q -f {config}",
                    "ExecReload=/bin/kill -USR2 $MAINPID",
                    "KillMode=mixed",
                    "LimitNOFILE=65536",
                    "RuntimeDirectory=haproxy",
                    f"{bind} CAP_SYS_CHROOT CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL",
                    NO_DEVICES,
                ],
            )
        )
    if software == "nginx":
        found.append(
            unit(
                "nginx",
                "nginx",
                "/usr/sbin/nginx -g 'daemon off;'",
                [
                    "Type=simple",
                    "ExecStartPre=/usr/sbin/nginx -t -q",
                    "ExecReload=/bin/kill -HUP $MAINPID",
                    "KillMode=mixed",
                    "LimitNOFILE=65536",
                    "RuntimeDirectory=nginx",
                    "LogsDirectory=nginx",
                    "StateDirectory=nginx",
                    f"{bind} CAP_DAC_OVERRIDE CAP_KILL",
                    NO_DEVICES,
                ],
            )
        )
    if software == "traefik":
        found.append(
            unit(
                "traefik",
                "Traefik",
                "/usr/local/bin/traefik --configFile=/etc/traefik/traefik.yml",
                [
                    "Type=simple",
                    "LimitNOFILE=65536",
                    "User=traefik",
                    "AmbientCapabilities=CAP_NET_BIND_SERVICE",
                    "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
                    NO_DEVICES,
                ],
            )
        )
    if inventory.balancer.virtual_address:
        found.append(
            unit(
                "keepalived",
                "keepalived, which moves the balancers' address",
                "/usr/sbin/keepalived --dont-fork --log-console",
                [
                    "Type=simple",
                    "ExecReload=/bin/kill -HUP $MAINPID",
                    "KillMode=mixed",
                    "RuntimeDirectory=keepalived",
                    "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BROADCAST CAP_KILL",
                    "ReadWritePaths=/run",
                ],
                after=f"network-online.target {software}.service",
            )
        )
    return found
