"""PLAN.md: what to do with the rendered files, in which order, with which commands. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ha_setup.inventory import Host, Inventory
from ha_setup.inventory.model import Secrets, workers
from ha_setup.render import ports
from ha_setup.render.firewall import links
from ha_setup.render.odoo import environment

#: Role → which secrets its hosts need.
NEEDED: dict[str, tuple[str, ...]] = {
    "postgresql": (
        "postgres_superuser",
        "postgres_replication",
        "postgres_rewind",
        "patroni_api",
    ),
    "odoo": ("odoo_database", "odoo_master", "probe", "redis"),
    "redis": ("redis",),
    "sentinel": ("redis",),
}


def plan(inventory: Inventory) -> str:
    """The whole text."""
    return "\n".join([*_head(inventory), *_steps(inventory), *_later(inventory)]) + "\n"


def needed_secrets(inventory: Inventory, host: Host) -> dict[str, str]:
    """Name → file of each secret that `host` must have."""
    names = {name for role in host.roles for name in NEEDED.get(role, ())}
    if "odoo" in host.roles and inventory.s3.access_key:
        names.add("s3_secret_key")
    if "postgresql" in host.roles and host is next(
        iter(inventory.with_role("postgresql").values())
    ):
        # Its roles are made from there.
        names |= {"odoo_database", "probe"}
    return {n: getattr(inventory.secrets, n) for n in Secrets.model_fields if n in names}


def _head(inventory: Inventory) -> Iterator[str]:
    yield f"# The cluster {inventory.cluster}, step by step"
    yield ""
    yield (
        "Written by `odoo-ha render`. Each directory beside this file holds what belongs at `/` of the"
        " host of that name; Debian 12 or newer is expected there. Run the commands as root, where each"
        " step says. Nothing here touches a running service before step 5."
    )
    yield ""
    yield "| host | address | roles | size |"
    yield "|---|---|---|---|"
    for name, host in inventory.hosts.items():
        size = f"{host.cpus} processors, {host.memory / (1 << 30):g} GB"
        size += f", {workers(host)} workers" if "odoo" in host.roles else ""
        yield f"| {name} | {host.address} | {', '.join(host.roles)} | {size} |"
    yield ""
    yield "Who must reach what (the firewall's rules say the same):"
    yield ""
    yield "| hosts with the role | TCP ports | from hosts with the role | for |"
    yield "|---|---|---|---|"
    for link in links(inventory):
        to = ", ".join(map(str, link.ports))
        yield f"| {link.to} | {to} | {', '.join(link.of)} | {link.what} |"
    yield ""


def _steps(inventory: Inventory) -> Iterator[str]:
    for number, (title, body) in enumerate(
        (
            ("Secrets", _secrets(inventory)),
            ("Packages", _packages(inventory)),
            ("Files", _files(inventory)),
            ("Look before anything starts", _look(inventory)),
            ("etcd", _etcd(inventory)),
            ("PostgreSQL", _postgresql(inventory)),
            ("Redis", _redis(inventory)),
            ("Odoo", _odoo(inventory)),
            ("Balancers", _balancers(inventory)),
            ("Does it hold?", _proof(inventory)),
        ),
        1,
    ):
        yield f"## {number}. {title}"
        yield ""
        yield from body
        yield ""


def _block(*commands: str) -> str:
    return "\n".join(["```", *commands, "```"])


def _names(hosts: dict[str, Host]) -> str:
    return ", ".join(hosts)


def _secrets(inventory: Inventory) -> Iterator[str]:
    yield (
        "Make each once, on your own machine, and copy it to the hosts that need it; never into this"
        " directory. Letters, digits and `. _ ~ + / = -` only; the S3 key is given by your store."
    )
    yield ""
    names = [n for n in Secrets.model_fields if n != "s3_secret_key"]
    yield _block(
        "umask 077; mkdir -p secrets",
        f"for name in {' '.join(names)}; do",
        "    [ -s secrets/$name ] || openssl rand -hex 32 > secrets/$name",
        "done",
    )
    yield ""
    yield "| host | files, owned by root, mode 0400 |"
    yield "|---|---|"
    for name, host in inventory.hosts.items():
        files = needed_secrets(inventory, host)
        if files:
            said = ", ".join(f"`{file}` ({key})" for key, file in files.items())
            yield f"| {name} | {said} |"
    yield ""
    if inventory.tls:
        yield (
            f"And on {_names(inventory.with_role('balancer'))}: `{inventory.tls.certificate}`, the"
            " certificate with its chain and its key in one PEM file, mode 0400."
        )


def _packages(inventory: Inventory) -> Iterator[str]:
    version = inventory.postgresql.version
    balancer: list[str] = []
    if inventory.balancer.software != "traefik":
        balancer.append(inventory.balancer.software)
    if inventory.balancer.postgresql_clients and "haproxy" not in balancer:
        balancer.append("haproxy")
    if inventory.balancer.virtual_address:
        balancer.append("keepalived")
    yield "Services that a package starts by itself are kept down until their files are there:"
    yield ""
    yield _block(
        "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d",
        "apt-get update",
    )
    yield ""
    for role, command in (
        ("etcd", "apt-get install -y etcd-server etcd-client"),
        (
            "postgresql",
            "mkdir -p /etc/postgresql-common/createcluster.d\n"
            "echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/odoo-ha.conf\n"
            f"apt-get install -y postgresql-{version} python3-venv\n"
            "python3 -m venv /opt/patroni\n"
            "/opt/patroni/bin/pip install 'patroni[etcd3]>=4.1,<5' 'psycopg2-binary>=2.9'",
        ),
        ("redis", "apt-get install -y redis-server"),
        ("sentinel", "apt-get install -y redis-sentinel"),
        (
            "odoo",
            f"# Odoo 19 as you like to install it: {inventory.odoo.command} must start it, as user"
            f" {inventory.odoo.user}\n"
            f"# the suite's addons: in {inventory.odoo.addons_path[0]}, readable to that user\n"
            "# into Odoo's own Python: pip install 'redis[hiredis]' boto3\n"
            "apt-get install -y python3-venv"
            + (" pgbouncer" if inventory.odoo.pooler != "none" else "")
            + "\npython3 -m venv /opt/ha-sidecar && /opt/ha-sidecar/bin/pip install ./sidecar\n"
            "ln -sf /opt/ha-sidecar/bin/ha-sidecar /usr/local/bin/ha-sidecar\n"
            f"install -d -o {inventory.odoo.user} -m 0750 {inventory.odoo.data_dir}",
        ),
        ("balancer", f"apt-get install -y {' '.join(balancer)}" if balancer else "# no package"),
    ):
        hosts = {n: h for n, h in inventory.hosts.items() if role in h.roles}
        yield f"On {_names(hosts)}:"
        yield ""
        yield _block(*command.split("\n"))
        yield ""
    if inventory.balancer.software == "traefik":
        yield (
            "Traefik 3 isn't in Debian: put it at `/usr/local/bin/traefik`, and"
            " `useradd --system --shell /usr/sbin/nologin traefik`, who must be able to read the certificate."
        )
        yield ""
    yield "At the end, on every host: `rm /usr/sbin/policy-rc.d`" + (
        ", and `apt-get install -y nftables`." if inventory.firewall.enabled else "."
    )


def _files(inventory: Inventory) -> Iterator[str]:
    yield "From this directory, for every host:"
    yield ""
    # Over ssh as tar: what is a directory there stays as it is.
    yield _block(
        f"for host in {' '.join(inventory.hosts)}; do",
        "    tar -C $host --owner=root --group=root --mode=u=rwX,go=rX -c . |"
        " ssh root@$host tar -C / --no-overwrite-dir -x",
        "done",
    )
    yield ""
    yield "Then on every host: `systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload`"
    yield ""
    if inventory.firewall.enabled:
        yield (
            "The firewall, with a second SSH session open, since a wrong `firewall.ssh_from` locks you"
            " out: `systemctl enable --now odoo-ha-firewall`. Back: `systemctl disable --now"
            " odoo-ha-firewall`. It is a table of its own beside your rules and lets in only what"
            " the table above says, and SSH: other services of the host are closed."
        )


def _look(inventory: Inventory) -> Iterator[str]:
    yield "Each program reads its own file:"
    yield ""
    yield "| on | command |"
    yield "|---|---|"
    balancers = _names(inventory.with_role("balancer"))
    software = inventory.balancer.software
    if software == "haproxy" or inventory.balancer.postgresql_clients:
        yield f"| {balancers} | `haproxy -c -f /etc/haproxy/haproxy.cfg` |"
    if software == "nginx":
        yield f"| {balancers} | `mkdir -p /run/nginx; nginx -t` |"
    if inventory.balancer.virtual_address:
        yield f"| {balancers} | `keepalived -t` |"
    if inventory.firewall.enabled:
        yield "| every host | `nft -c -f /etc/odoo-ha/firewall.nft` |"
    yield "| every host | `odoo-ha render cluster.yml / --check --host NAME` (is it what was rendered?) |"


def _etcd(inventory: Inventory) -> Iterator[str]:
    hosts = inventory.with_role("etcd")
    endpoints = ",".join(f"http://{h.address}:{ports.ETCD_CLIENT}" for h in hosts.values())
    yield f"On {_names(hosts)}, all within five minutes, since each waits for a majority:"
    yield ""
    yield _block("systemctl enable --now etcd")
    yield ""
    yield "On one of them; every member must be healthy:"
    yield ""
    yield _block(f"ETCDCTL_API=3 etcdctl --endpoints={endpoints} endpoint health")


def _postgresql(inventory: Inventory) -> Iterator[str]:
    hosts = inventory.with_role("postgresql")
    first, *others = hosts
    validate = "/opt/patroni/bin/patroni --validate-config /etc/patroni/patroni.yml"
    patronictl = "/opt/patroni/bin/patronictl -c /run/patroni/patroni.yml"
    if inventory.postgresql.watchdog != "none":
        yield (
            f"On {_names(hosts)}, the watchdog: `modprobe softdog; udevadm trigger /dev/watchdog`."
            " A hardware one is better: take `softdog` out of `/etc/modules-load.d`."
        )
        yield ""
    yield f"Patroni reads its file, now that etcd answers: `{validate}` says nothing on each."
    yield ""
    yield f"On {first}, which becomes the first primary, until `{patronictl} list` shows a leader:"
    yield ""
    yield _block("systemctl enable --now patroni")
    yield ""
    yield f"Then the same on {', '.join(others)}: they copy it. All must be `streaming`."
    yield ""
    yield f"The roles of Odoo and the sidecars, on {first}:"
    yield ""
    yield _block(
        f"PGPASSWORD=$(cat {inventory.secrets.postgres_superuser}) psql -X -v ON_ERROR_STOP=1"
        f" -h {hosts[first].address} -U postgres -f /etc/odoo-ha/roles.sql"
    )
    yield ""
    yield (
        "What stands under `bootstrap.dcs` in patroni.yml counts at the very first start only; later:"
        f" `{patronictl} edit-config`."
    )


def _redis(inventory: Inventory) -> Iterator[str]:
    redis, sentinels = inventory.with_role("redis"), inventory.with_role("sentinel")
    first = next(iter(redis.values()))
    yield f"On {_names(redis)}, and after that on {_names(sentinels)}:"
    yield ""
    yield _block("systemctl enable --now redis-server", "systemctl enable --now redis-sentinel")
    yield ""
    yield f"Each replica must say `master_link_status:up`, each Sentinel name {first.address}:"
    yield ""
    auth = f"REDISCLI_AUTH=$(cat {inventory.secrets.redis})"
    yield _block(
        f"{auth} redis-cli -h ADDRESS info replication",
        f"{auth} redis-cli -h ADDRESS -p {ports.SENTINEL}"
        f" sentinel get-master-addr-by-name {inventory.redis.service}",
    )
    yield ""
    yield (
        "Both rewrite their configuration, so theirs is a copy made at the first start, in"
        " `/var/lib/redis` and `/var/lib/redis-sentinel`. A later change of the rendered one is made"
        " there by hand, or by `CONFIG SET` and `CONFIG REWRITE`."
    )


def _odoo(inventory: Inventory) -> Iterator[str]:
    odoo = inventory.odoo
    hosts = inventory.with_role("odoo")
    first = next(iter(hosts))
    services = "ha-sidecar pgbouncer" if odoo.pooler != "none" else "ha-sidecar"
    yield (
        f"The bucket `{inventory.s3.bucket}` must exist, versioned, and the key may read, write,"
        " list and delete in it."
    )
    yield ""
    yield f"On {_names(hosts)}: the sidecar proves who the primary is:"
    yield ""
    yield _block(
        f"systemctl enable --now {services}",
        "ha-sidecar check --config /etc/odoo-ha/sidecar.toml",
    )
    yield ""
    modules = "ha_failover,ha_session_redis,ha_attachment_s3,ha_cron_leader,ha_health"
    yield (
        f"The database, once, on {first}: start the service, whose configuration with the secrets is"
        " then in `/run/odoo`, and install."
    )
    yield ""
    yield _block(
        "systemctl enable --now odoo",
        f"runuser -u {odoo.user} -- env {_environment(inventory)} {odoo.command} -c /run/odoo/odoo.conf"
        f" -d {odoo.database} -i base,web,{modules} --workers 0 --no-http --stop-after-init"
        " --logfile=",
        "systemctl restart odoo",
    )
    yield ""
    yield "Then `systemctl enable --now odoo` on the others. Each must answer, by itself, with 200:"
    yield ""
    yield _block(
        *(
            f"curl -si http://{h.address}:{ports.GEVENT}/web/health  # from a balancer"
            for h in hosts.values()
        )
    )


def _environment(inventory: Inventory) -> str:
    return " ".join(f"{k}={v}" for k, v in environment(inventory.odoo.pooler).items())


def _balancers(inventory: Inventory) -> Iterator[str]:
    balancer = inventory.balancer
    services: list[str] = [balancer.software]
    if balancer.postgresql_clients and balancer.software != "haproxy":
        services.append("haproxy")
    if balancer.virtual_address:
        services.append("keepalived")
    yield f"On {_names(inventory.with_role('balancer'))}:"
    yield ""
    yield _block(f"systemctl enable --now {' '.join(services)}")
    yield ""
    where = (balancer.virtual_address or "").split("/")[0] or "the balancers' addresses"
    if balancer.domain:
        yield f"The name `{balancer.domain}` must lead to {where}."
    else:
        yield f"Users arrive at {where}."


def _proof(inventory: Inventory) -> Iterator[str]:
    yield (
        "Before people depend on it, with somebody clicking: `ha-sidecar switchover` (see"
        " sidecar/README.md), then the power of the primary's host, of an Odoo host, of the balancer"
        " that has the address. Nobody may see more than a pause."
    )


def _later(inventory: Inventory) -> Iterator[str]:
    changes = {
        "odoo": "systemctl restart odoo",
        "haproxy, nginx": "systemctl reload",
        "firewall": "systemctl reload odoo-ha-firewall",
    }
    yield "## Later"
    yield ""
    yield (
        "Change the inventory, render again, look at the differences (keep OUT in git, or run"
        " `--check`), copy as in step 3, and restart what changed one host at a time: Odoo's"
        f" nodes by `{changes['odoo']}` once the other one answers; a balancer by"
        f" `{changes['haproxy, nginx']}`; a replica before the primary, and the primary after a"
        f" switchover; the rules by `{changes['firewall']}`. A further etcd member is added"
        " by `etcdctl member add`, and begins with `initial-cluster-state: existing`."
    )
    yield ""
    yield (
        "Undo: `systemctl disable --now` what was enabled; the data lies in"
        f" `{inventory.postgresql.data_dir}`, `/var/lib/etcd`, `/var/lib/redis` and"
        f" `{inventory.odoo.data_dir}` and is left alone."
    )
