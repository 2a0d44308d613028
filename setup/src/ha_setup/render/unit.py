"""One hardened systemd unit. Needs systemd 252 (Debian 12) or newer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ha_setup.render.files import LIBRARY, RenderedFile

STARTER = f"{LIBRARY}/start-with-secrets"
UNITS = "/etc/systemd/system"

#: What no service of the cluster needs.
HARDENING = (
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
)
UNPRIVILEGED = ("CapabilityBoundingSet=", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX")
NO_DEVICES = "PrivateDevices=yes"


def unit(
    name: str,
    description: str,
    start: str,
    service: Sequence[str],
    *,
    after: str = "network-online.target",
    secrets: Mapping[str, str] | None = None,
    umask: str = "0027",
    once: bool = False,
) -> RenderedFile:
    """A service that comes back however often it ends; `once`: a job that people start. `secrets`:
    name → file on the host."""
    lasting = (
        "Restart=always",
        "RestartSec=1s",
        # Wrong settings don't get better by trying again.
        "RestartPreventExitStatus=78",
    )
    lines = [
        "# Written by `odoo-ha render`; change the inventory instead.",
        "[Unit]",
        f"Description={description}",
        f"After={after}",
        "Wants=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"ExecStart={start}",
        *(() if once else lasting),
        *(f"LoadCredential={key}:{file}" for key, file in (secrets or {}).items()),
        *service,
        *HARDENING,
        f"UMask={umask}",
        "",
        *(() if once else ("[Install]", "WantedBy=multi-user.target", "")),
    ]
    return RenderedFile(f"{UNITS}/{name}.service", "\n".join(lines))
