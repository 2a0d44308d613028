"""The units of each host, systemd's users, and logrotate. Pure."""

from __future__ import annotations

from ha_setup.inventory import Host, Inventory
from ha_setup.render import balancer_units, firewall, redis
from ha_setup.render.files import PROGRAM, RenderedFile
from ha_setup.render.odoo import environment
from ha_setup.render.unit import NO_DEVICES, STARTER, UNITS, UNPRIVILEGED, unit

#: What each database needs beside the server-wide part.
APPS = ("ha_dashboard",)  # which brings the others


def files(
    inventory: Inventory, name: str, host: Host, *, starter: str, sidecar_unit: str
) -> list[RenderedFile]:
    """Everything by which the services of one host are started. `starter` is the text of the
    program that fills secrets in, `sidecar_unit` that of the sidecar's own unit."""
    found: list[RenderedFile] = []
    if "etcd" in host.roles:
        found.append(_etcd())
    if "postgresql" in host.roles:
        found.append(_patroni(inventory))
    if "redis" in host.roles:
        found.append(_redis(inventory, "redis-server", redis.REDIS_TEMPLATE, redis.REDIS_FILE))
    if "sentinel" in host.roles:
        found.append(
            _redis(inventory, "redis-sentinel", redis.SENTINEL_TEMPLATE, redis.SENTINEL_FILE)
        )
    if "odoo" in host.roles:
        found += [*_odoo(inventory), *_sidecar(inventory, sidecar_unit)]
        if inventory.odoo.pooler != "none":
            found.append(_pgbouncer(inventory))
    if "balancer" in host.roles:
        found += balancer_units.files(inventory)
    if inventory.firewall.enabled:
        found.append(_firewall())
    if set(host.roles) - {"etcd", "balancer"}:
        found.append(RenderedFile(STARTER, starter, PROGRAM))
    return [*found, *_logrotate(host)]


def _etcd() -> RenderedFile:
    return unit(
        "etcd",
        "etcd, where Patroni's leader is elected",
        "/usr/bin/etcd --config-file /etc/etcd/etcd.yml",
        [
            "Type=notify",
            # It is ready when a majority is.
            "TimeoutStartSec=300s",
            "User=etcd",
            "LimitNOFILE=65536",
            "StateDirectory=etcd",
            "StateDirectoryMode=0700",
            *UNPRIVILEGED,
            NO_DEVICES,
        ],
    )


def _patroni(inventory: Inventory) -> RenderedFile:
    secrets = inventory.secrets
    watchdog = inventory.postgresql.watchdog != "none"
    return unit(
        "patroni",
        "PostgreSQL under Patroni",
        f"{STARTER} /etc/patroni/patroni.yml /run/patroni/patroni.yml"
        " -- /opt/patroni/bin/patroni /run/patroni/patroni.yml",
        [
            "Type=simple",
            "User=postgres",
            "Group=postgres",
            # Patroni itself stops PostgreSQL.
            "KillMode=process",
            "TimeoutStopSec=60s",
            "RuntimeDirectory=patroni postgresql",
            "RuntimeDirectoryMode=0755",
            "RuntimeDirectoryPreserve=yes",
            "ReadWritePaths=/var/lib/postgresql /var/log/postgresql",
            f"ReadWritePaths=-{inventory.postgresql.data_dir} -{inventory.postgresql.log_dir}",
            # The kernel ends something else first.
            "OOMScoreAdjust=-900",
            *UNPRIVILEGED,
            *(
                ["DevicePolicy=closed", "DeviceAllow=/dev/watchdog rw"]
                if watchdog
                else [NO_DEVICES]
            ),
        ],
        secrets={
            key: getattr(secrets, key)
            for key in (
                "postgres_superuser",
                "postgres_replication",
                "postgres_rewind",
                "patroni_api",
            )
        },
    )


def _redis(inventory: Inventory, name: str, template: str, target: str) -> RenderedFile:
    sentinel = name == "redis-sentinel"
    short = "redis-sentinel" if sentinel else "redis"
    command = f"/usr/bin/redis-server {target}{' --sentinel' if sentinel else ''}"
    return unit(
        name,
        "Redis Sentinel" if sentinel else "Redis, for Odoo's sessions",
        f"{STARTER} --once {template} {target} -- {command}",
        [
            "Type=simple",
            "User=redis",
            "Group=redis",
            "LimitNOFILE=65536",
            f"StateDirectory={short}",
            "StateDirectoryMode=0750",
            f"LogsDirectory=odoo-ha/{short}",
            *UNPRIVILEGED,
            NO_DEVICES,
        ],
        secrets={"redis": inventory.secrets.redis},
        # When it rewrites its configuration, the passwords in it stay its own.
        umask="0077",
    )


def _odoo(inventory: Inventory) -> list[RenderedFile]:
    """The service, and the job that makes its database with the suite's apps, once."""
    odoo, secrets = inventory.odoo, inventory.secrets
    # The setting → the secret.
    files = {"REDIS_PASSWORD": "redis", "REDIS_SENTINEL_PASSWORD": "redis"}
    if inventory.s3.access_key:
        files |= {"S3_SECRET_KEY": "s3_secret_key"}
    needed = ["odoo_database", "odoo_master", *dict.fromkeys(files.values())]
    pooler = " pgbouncer.service" if odoo.pooler != "none" else ""

    def made(
        name: str, description: str, service: list[str], *words: str, once: bool = False
    ) -> RenderedFile:
        config = f"/run/{name}/odoo.conf"
        command = " ".join([odoo.command, "-c", config, *words])
        return unit(
            name,
            description,
            f"{STARTER} /etc/odoo/odoo.conf {config} -- {command}",
            [
                *service,
                f"User={odoo.user}",
                f"RuntimeDirectory={name}",
                "RuntimeDirectoryMode=0750",
                "LogsDirectory=odoo-ha/odoo",
                f"ReadWritePaths={odoo.data_dir}",
                *(f"Environment={key}={value}" for key, value in environment(odoo.pooler).items()),
                *(f"Environment=ODOO_HA_{key}_FILE=%d/{name}" for key, name in files.items()),
                *UNPRIVILEGED,
                NO_DEVICES,
            ],
            after=f"network-online.target ha-sidecar.service{pooler}",
            secrets={key: getattr(secrets, key) for key in needed},
            once=once,
        )

    install = f"-d {odoo.database} -i base,web,{','.join(APPS)} --workers 0 --max-cron-threads 0"
    return [
        made("odoo", "Odoo", ["Type=simple", "TimeoutStopSec=60s"]),
        made(
            "odoo-install",
            "Makes Odoo's database with the suite's apps",
            ["Type=oneshot", "TimeoutStartSec=infinity"],
            f"{install} --no-http --stop-after-init --logfile=",
            once=True,
        ),
    ]


def _sidecar(inventory: Inventory, sidecar_unit: str) -> list[RenderedFile]:
    pooled = inventory.odoo.pooler != "none"
    names = ["PROBE", "PGBOUNCER"] if pooled else ["PROBE"]
    drop_in = "\n".join(
        [
            "# Written by `odoo-ha render`; change the inventory instead.",
            "[Service]",
            f"LoadCredential=probe:{inventory.secrets.probe}",
            *(f"Environment=HA_SIDECAR_{name}_PASSWORD_FILE=%d/probe" for name in names),
            "",
        ]
    )
    users = 'u ha-sidecar - "Sidecar of Odoo HA"\n'
    # PgBouncer, which runs as postgres, reads what the sidecar writes.
    users += "m postgres ha-sidecar\n" if pooled else ""
    # The dashboard asks the sidecar through its socket.
    users += f"m {inventory.odoo.user} ha-sidecar\n"
    return [
        RenderedFile(f"{UNITS}/ha-sidecar.service", sidecar_unit),
        RenderedFile(f"{UNITS}/ha-sidecar.service.d/secrets.conf", drop_in),
        RenderedFile("/etc/sysusers.d/odoo-ha.conf", users),
    ]


def _pgbouncer(inventory: Inventory) -> RenderedFile:
    secrets = inventory.secrets
    return unit(
        "pgbouncer",
        "PgBouncer, kept on the primary by ha-sidecar",
        f"{STARTER} /etc/pgbouncer/userlist.in /run/pgbouncer/userlist.txt"
        " -- /usr/sbin/pgbouncer /etc/pgbouncer/pgbouncer.ini",
        [
            "Type=notify",
            "User=postgres",
            "SupplementaryGroups=ha-sidecar",
            "ExecReload=/bin/kill -HUP $MAINPID",
            "LimitNOFILE=65536",
            "RuntimeDirectory=pgbouncer",
            "RuntimeDirectoryMode=0700",
            *UNPRIVILEGED,
            NO_DEVICES,
        ],
        secrets={"odoo_database": secrets.odoo_database, "probe": secrets.probe},
    )


def _firewall() -> RenderedFile:
    lines = [
        "# Written by `odoo-ha render`; change the inventory instead.",
        "[Unit]",
        "Description=Lets in what this host's roles need",
        "DefaultDependencies=no",
        "Before=network-pre.target shutdown.target",
        "Wants=network-pre.target",
        "Conflicts=shutdown.target",
        "",
        "[Service]",
        "Type=oneshot",
        "RemainAfterExit=yes",
        f"ExecStart=/usr/sbin/nft -f {firewall.RULES}",
        f"ExecReload=/usr/sbin/nft -f {firewall.RULES}",
        "ExecStop=/usr/sbin/nft delete table inet odoo_ha",
        "",
        "[Install]",
        "WantedBy=sysinit.target",
        "",
    ]
    return RenderedFile(f"{UNITS}/odoo-ha-firewall.service", "\n".join(lines))


def _logrotate(host: Host) -> list[RenderedFile]:
    """What doesn't log to the journal. PostgreSQL keeps a week by itself."""
    logs = {"odoo": "odoo", "redis": "redis", "sentinel": "redis-sentinel"}
    directories = [logs[role] for role in logs if role in host.roles]
    if not directories:
        return []
    paths = "\n".join(f"/var/log/odoo-ha/{name}/*.log" for name in directories)
    text = f"""\
{paths}
{{
    daily
    rotate 14
    compress
    delaycompress
    missingok
    notifempty
}}
"""
    return [RenderedFile("/etc/logrotate.d/odoo-ha", text)]
