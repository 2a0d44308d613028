"""What is rendered: the values that the drills have proven, the same bytes each time, and no secret."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from pathlib import Path

import pytest

from ha_setup.cluster.layout import Layout
from ha_setup.cluster.plan import Plan
from ha_setup.cluster.render_database import dynamic_config
from ha_setup.cluster.render_haproxy import haproxy_config
from ha_setup.inventory import EXAMPLE, Inventory, load
from ha_setup.inventory.model import Secrets
from ha_setup.render import Rendering, render
from ha_setup.render.firewall import LINKS

TEXT = EXAMPLE.read_text(encoding="utf-8")
SIDECAR_UNIT = "[Service]\nUser=ha-sidecar\n"


def inventory(*changes: tuple[str, str]) -> Inventory:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load(text, "cluster.yml")


def rendered(*changes: tuple[str, str]) -> Rendering:
    return render(inventory(*changes), starter="#!starter\n", sidecar_unit=SIDECAR_UNIT)


def text_of(rendering: Rendering, host: str, path: str) -> str:
    (file,) = [file for file in rendering.hosts[host] if file.path == path]
    return file.text


ALTERNATIVES = {
    "haproxy": (),
    "nginx": (("  domain:", "  software: nginx\n  domain:"),),
    "traefik": (("  domain:", "  software: traefik\n  domain:"),),
    "pooled": (("  # pooler: session", "  pooler: session"),),
    "PostgreSQL for others": (("  # postgresql_clients", "  postgresql_clients"),),
    "quorum": (("replication: synchronous", "replication: quorum\n  strict: true"),),
    "no TLS": (("tls:\n  certificate: /etc/odoo-ha/tls/odoo.pem\n", ""),),
    "no firewall": (("  ssh_from: [10.0.0.0/24]", "  enabled: false"),),
    "one host with all": (
        ("odoo1: {address: 10.0.0.21, roles: [odoo]",
         "odoo1: {address: 10.0.0.21, interface: eth0, roles: [odoo, balancer, redis, sentinel, etcd, postgresql]"),
        ("odoo2: {address: 10.0.0.22, roles: [odoo]",
         "odoo2: {address: 10.0.0.22, interface: eth0, roles: [odoo, balancer, redis, sentinel, etcd, postgresql]"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("changes", ALTERNATIVES.values(), ids=ALTERNATIVES)
def test_the_same_inventory_gives_the_same_bytes(changes: tuple[tuple[str, str], ...]) -> None:
    assert rendered(*changes) == rendered(*changes)


@pytest.mark.parametrize("changes", ALTERNATIVES.values(), ids=ALTERNATIVES)
def test_units_name_files_and_secrets_that_there_are(
    changes: tuple[tuple[str, str], ...],
) -> None:
    given = inventory(*changes)
    rendering = render(given, starter="#!starter\n", sidecar_unit=SIDECAR_UNIT)
    secret_files = set(given.secrets.model_dump().values())
    for host, files in rendering.hosts.items():
        paths = {file.path for file in files}
        for file in files:
            if not file.path.endswith((".service", "secrets.conf")):
                continue
            loaded = dict(re.findall(r"^LoadCredential=(\w+):(.*)$", file.text, re.MULTILINE))
            assert set(loaded.values()) <= secret_files
            # Each file of the suite that a unit names is rendered for that host.
            for path in re.findall(r"(?<![\w/])/(?:etc|usr/local/lib)/[\w./-]+", file.text):
                assert path in paths | secret_files | {"/etc/systemd/system"}, (host, path)
            # Each secret that a service is given is one that it uses.
            used = set(re.findall(r"=%d/(\w+)", file.text))
            for template in re.findall(r"start-with-secrets (?:--once )?(\S+)", file.text):
                used |= set(re.findall(r"@\{(\w+)\}", text_of(rendering, host, template)))
            assert used == set(loaded), (host, file.path)


@pytest.mark.parametrize("changes", ALTERNATIVES.values(), ids=ALTERNATIVES)
def test_the_plan_names_every_host_and_the_secrets_each_one_needs(
    changes: tuple[tuple[str, str], ...],
) -> None:
    rendering = rendered(*changes)
    table = rendering.plan.split("mode 0400 |")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| ([\w-]+) \| (.*) \|$", table, re.MULTILINE))
    for host, files in rendering.hosts.items():
        units = "\n".join(file.text for file in files)
        needed = set(re.findall(r"^LoadCredential=(\w+):", units, re.MULTILINE))
        assert needed <= set(re.findall(r"\((\w+)\)", rows.get(host, ""))), host


def test_patroni_is_what_the_drills_ran_with() -> None:
    config = json.loads(text_of(rendered(), "pg2", "/etc/patroni/patroni.yml"))
    ours = config["bootstrap"]["dcs"]
    proven = dynamic_config(synchronous=True)
    parameters = ours["postgresql"].pop("parameters")
    proven_parameters = proven["postgresql"].pop("parameters")
    assert ours == proven
    sizes_and_network = {"shared_buffers", "max_connections"} | {
        key for key in proven_parameters if key.startswith("tcp_")
    }
    assert {k: v for k, v in proven_parameters.items() if k not in sizes_and_network}.items() <= (
        parameters.items()
    )
    # Patroni refuses to keep its promises when this does not hold.
    assert ours["loop_wait"] + 2 * ours["retry_timeout"] <= ours["ttl"]
    assert ours["primary_start_timeout"] == 0
    assert config["watchdog"]["mode"] == "automatic"
    assert config["postgresql"]["parameters"]["shared_buffers"] == "4096MB"


def test_the_stated_rpo_decides_the_mode() -> None:
    def dcs(*changes: tuple[str, str]) -> dict[str, object]:
        config = json.loads(text_of(rendered(*changes), "pg1", "/etc/patroni/patroni.yml"))
        found = config["bootstrap"]["dcs"]
        assert isinstance(found, dict)
        return found

    assert dcs()["synchronous_mode"] is True
    quorum = dcs(("replication: synchronous", "replication: quorum\n  strict: true"))
    assert (quorum["synchronous_mode"], quorum["synchronous_mode_strict"]) == ("quorum", True)
    loose = dcs(("replication: synchronous", "replication: asynchronous"), ("rpo: 0 ", "rpo: 4MB "))
    assert (loose["synchronous_mode"], loose["maximum_lag_on_failover"]) == (False, 4 << 20)


def test_the_balancer_is_what_the_drills_ran_with() -> None:
    ours = text_of(rendered(), "lb1", "/etc/haproxy/haproxy.cfg")
    proven = haproxy_config(Layout(Path("/state")))

    def section(text: str, name: str) -> list[str]:
        lines = text.split(f"\n{name}\n")[1].split("\n\n")[0].splitlines()
        return [line for line in lines if not line.startswith("    server ")]

    assert section(ours, "defaults") == section(proven, "defaults")
    backend = [line.replace("8072", "18072") for line in section(ours, "backend odoo")]
    assert backend == section(proven, "backend suite_odoo")
    assert "server odoo1 10.0.0.21:8069 maxconn 9\n" in ours
    assert "workers = 9\n" in text_of(rendered(), "odoo1", "/etc/odoo/odoo.conf")


def test_odoo_is_what_the_drills_ran_with(plan: Plan) -> None:
    ours, proven = (configparser.RawConfigParser() for _ in range(2))
    ours.read_string(text_of(rendered(), "odoo1", "/etc/odoo/odoo.conf"))
    node = next(n for n in plan.layout.nodes if n.name == "odoo1")
    proven.read_string(plan.launch(node, variant="suite", synchronous=True).files[0].text)
    for key in ("server_wide_modules", "limit_time_real", "limit_time_cpu", "proxy_mode", "list_db",
                "db_maxconn", "max_cron_threads", "limit_time_real_cron"):  # fmt: skip
        assert ours["options"][key] == proven["options"][key], key
    assert ours["ha"]["request_id_header"] == proven["ha"]["request_id_header"]


def test_a_pooler_is_on_the_way_and_database_postgres_is_pooled_by_session() -> None:
    rendering = rendered(("  # pooler: session", "  pooler: transaction"))
    conf = configparser.RawConfigParser()
    conf.read_string(text_of(rendering, "odoo1", "/etc/odoo/odoo.conf"))
    assert (conf["options"]["db_host"], conf["options"]["db_port"]) == ("127.0.0.1", "6432")
    assert conf["ha"]["database_route"] == "pooler"
    unit = text_of(rendering, "odoo1", "/etc/systemd/system/odoo.service")
    assert "PGTARGETSESSIONATTRS=any" in unit
    first = text_of(rendering, "odoo1", "/usr/local/lib/odoo-ha/pgbouncer-databases.first")
    assert "\npostgres = host=10.0.0.11 port=5432 pool_mode=session\n" in first
    sidecar = tomllib.loads(text_of(rendering, "odoo1", "/etc/odoo-ha/sidecar.toml"))
    ini = text_of(rendering, "odoo1", "/etc/pgbouncer/pgbouncer.ini")
    assert f"%include {sidecar['pgbouncer_databases_file']}\n" in ini
    assert "pool_mode = transaction\n" in ini


def test_only_the_first_redis_begins_as_primary_and_a_majority_of_sentinels_decides() -> None:
    rendering = rendered()
    texts = [text_of(rendering, f"redis{i}", "/etc/redis/odoo-ha-redis.conf") for i in (1, 2, 3)]
    assert ["replicaof" in text for text in texts] == [False, True, True]
    sentinel = text_of(rendering, "redis2", "/etc/redis/odoo-ha-sentinel.conf")
    assert "sentinel monitor odoo-ha 10.0.0.31 6379 2\n" in sentinel
    service = text_of(rendering, "odoo1", "/etc/odoo/odoo.conf")
    assert "redis_sentinel_service = odoo-ha\n" in service


def test_each_firewall_lets_in_what_the_links_say_and_nothing_else() -> None:
    given = inventory()
    rendering = render(given, starter="", sidecar_unit="")
    for name, host in given.hosts.items():
        rules = text_of(rendering, name, "/etc/odoo-ha/firewall.nft")
        assert "policy drop;" in rules
        for link in LINKS:
            assert (f'comment "{link.what}"' in rules) == (link.to in host.roles), (name, link)
    pg1 = text_of(rendering, "pg1", "/etc/odoo-ha/firewall.nft")
    assert "10.0.0.5" not in pg1
    assert "ip saddr { 10.0.0.21, 10.0.0.22, 10.0.0.12, 10.0.0.13 } tcp dport { 5432 }" in pg1
    lb1 = text_of(rendering, "lb1", "/etc/odoo-ha/firewall.nft")
    assert 'tcp dport { 80, 443 } accept comment "users"' in lb1
    assert "ip saddr { 10.0.0.6 } ip protocol vrrp accept" in lb1


def test_the_virtual_address_moves_within_two_seconds_and_not_back() -> None:
    first, second = (
        text_of(rendered(), lb, "/etc/keepalived/keepalived.conf") for lb in ("lb1", "lb2")
    )
    interval = float(re.findall(r"advert_int ([\d.]+)", first)[0])
    priorities = [int(re.findall(r"priority (\d+)", text)[0]) for text in (first, second)]
    # VRRP 3: three intervals, and a skew of less than one.
    assert 4 * interval < 2
    assert priorities[0] > priorities[1]
    assert "nopreempt" in first
    # It can't be told of processes in a container: the address would never come up.
    assert "track_process {" not in first
    assert "fall 1\n" in first
    assert "unicast_peer {\n        10.0.0.6\n" in first


def test_traefik_sends_nothing_again_so_odoo_is_not_told_to_rely_on_ids() -> None:
    rendering = rendered(("  domain:", "  software: traefik\n  domain:"))
    assert "request_id_header" not in text_of(rendering, "odoo1", "/etc/odoo/odoo.conf")
    dynamic = json.loads(text_of(rendering, "lb1", "/etc/traefik/dynamic/odoo.yml"))
    assert not [m for m in dynamic["http"]["middlewares"].values() if "retry" in m]


def test_no_file_holds_a_value_where_a_secret_belongs() -> None:
    names = "|".join(Secrets.model_fields)
    for files in rendered(("  # pooler: session", "  pooler: session")).hosts.values():
        for file in files:
            for value in re.findall(
                r'(?:password"?:|requirepass|masterauth|auth-pass \S+|db_password =|admin_passwd =) ?(\S+)',
                file.text,
            ):
                # A placeholder, or in roles.sql psql's own variable.
                assert re.fullmatch(rf'"?@\{{({names})\}}"?,?|\'password\';?', value), (
                    file.path,
                    value,
                )
