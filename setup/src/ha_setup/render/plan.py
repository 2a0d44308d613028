"""PLAN.md: what to do with the rendered files, in which order, with which commands. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ha_setup.inventory import Host, Inventory
from ha_setup.inventory.model import Secrets, workers
from ha_setup.render import plan_services
from ha_setup.render.firewall import links
from ha_setup.render.words import block, names

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
    wanted = {name for role in host.roles for name in NEEDED.get(role, ())}
    if "odoo" in host.roles and inventory.s3.access_key:
        wanted.add("s3_secret_key")
    if "postgresql" in host.roles and host is next(
        iter(inventory.with_role("postgresql").values())
    ):
        # Its roles are made from there.
        wanted |= {"odoo_database", "probe"}
    return {n: getattr(inventory.secrets, n) for n in Secrets.model_fields if n in wanted}


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
            ("etcd", plan_services.etcd(inventory)),
            ("PostgreSQL", plan_services.postgresql(inventory)),
            ("Redis", plan_services.redis(inventory)),
            ("Odoo", plan_services.odoo(inventory)),
            ("Balancers", plan_services.balancers(inventory)),
            ("Does it hold?", plan_services.proof(inventory)),
        ),
        1,
    ):
        yield f"## {number}. {title}"
        yield ""
        yield from body
        yield ""


def _secrets(inventory: Inventory) -> Iterator[str]:
    yield (
        "Make each once, on your own machine, and copy it to the hosts that need it; never into this"
        " directory. Letters, digits and `. _ ~ + / = -` only; the S3 key is given by your store."
    )
    yield ""
    made = [n for n in Secrets.model_fields if n != "s3_secret_key"]
    yield block(
        "umask 077; mkdir -p secrets",
        f"for name in {' '.join(made)}; do",
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
            f"And on {names(inventory.with_role('balancer'))}: `{inventory.tls.certificate}`, the"
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
    yield block(
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
        yield f"On {names(hosts)}:"
        yield ""
        yield block(*command.split("\n"))
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
    yield block(
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
    balancers = names(inventory.with_role("balancer"))
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
