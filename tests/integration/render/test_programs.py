"""Each rendered file is read by the program that it is for, on a host where it lies in its place."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from tests.integration.render.conftest import Boot, program
from tests.servers.addresses import wait_until
from tests.servers.odoo_source import OdooSource
from tests.servers.rendered import RenderedHost

ASK = """
import socket, ssl
context = ssl.create_default_context(cafile="/etc/odoo-ha/tls/odoo.pem")
link = context.wrap_socket(socket.create_connection(("127.0.0.1", 443)), server_hostname="odoo.example.com")
link.sendall(b"GET / HTTP/1.1\\r\\nHost: other.example.com\\r\\n\\r\\n")
print(link.recv(100).decode())
"""
READ_SETTINGS = """
import odoo.modules.module
from odoo.tools import config
config.parse_config(["-c", "/run/odoo/odoo.conf"])
assert config["workers"] == 2 and config["proxy_mode"] and not config["list_db"]
assert len(config["db_password"]) == len(config["admin_passwd"]) == 32
from odoo.addons.ha_base import boot
boot.post_load()
print("the settings are good")
"""


class Checks:
    """Lets programs read files. What can't be checked here is said in the test's output."""

    def __init__(self, host: RenderedHost) -> None:
        self.host = host

    def read(self, *words: str) -> str:
        if not words[0].startswith("/opt") and program(words[0]) is None:
            print(f"not checked: {words[0]} isn't installed")
            return ""
        return self.host.run(*words).stdout

    def firewall(self) -> None:
        if self.host.run("nft", "list", "ruleset", check=False).returncode != 0:
            print("not checked: this machine lets nobody use nft")
            return
        rules = "/etc/odoo-ha/firewall.nft"
        self.read("nft", "-c", "-f", rules)
        for _ in range(2):  # the second time replaces the table
            self.read("nft", "-f", rules)
        assert self.read("nft", "list", "table", "inet", "odoo_ha").count("policy drop") == 1
        self.read("nft", "delete", "table", "inet", "odoo_ha")

    def units(self) -> None:
        """systemd's own reading of them. It names settings that it doesn't know, and exits with 0."""
        made = self.host.base / "upper/etc/systemd/system"
        names = sorted(path.name for path in made.glob("*.service"))
        assert names
        said = self.read("systemd-analyze", "verify", *(f"/etc/systemd/system/{n}" for n in names))
        ours = [line for line in said.splitlines() if any(name in line for name in names)]
        assert not ours, said


def test_the_balancers_files(boot: Boot, render: Callable[[str], Path], example: str) -> None:
    text = example.replace("  # postgresql_clients", "  postgresql_clients")
    host = boot(render(text), "lb1")
    checks = Checks(host)
    checks.read("haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg")
    checks.firewall()
    checks.units()
    # It wants the interface that the inventory names.
    host.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "cable")
    checks.read("keepalived", "-t")
    # The check that keepalived asks follows HAProxy.
    assert host.run("/usr/local/lib/odoo-ha/check-balancer", check=False).returncode != 0
    haproxy = host.start("haproxy")
    wait_until(
        lambda: host.run("/usr/local/lib/odoo-ha/check-balancer", check=False).returncode == 0
        or not haproxy.is_running(),
        timeout=300, what="HAProxy answers",
    )  # fmt: skip
    assert haproxy.is_running(), host.log("haproxy")
    # It speaks TLS, for the inventory's domain only.
    python = ("/usr/bin/env", sys.executable, "-c", ASK)
    assert host.run(*python).stdout.split()[:2] == ["HTTP/1.1", "421"]


def test_nginx_and_traefik(boot: Boot, render: Callable[[str], Path], example: str) -> None:
    text = example.replace("  domain:", "  software: nginx\n  domain:")
    host = boot(render(text), "lb1")
    checks = Checks(host)
    host.run("mkdir", "-p", "/run/nginx")
    checks.read("nginx", "-t")
    checks.units()
    nginx = host.start("nginx")
    wait_until(
        lambda: host.run("/usr/local/lib/odoo-ha/check-balancer", check=False).returncode == 0
        or not nginx.is_running(),
        timeout=300, what="nginx answers",
    )  # fmt: skip
    assert nginx.is_running(), host.log("nginx")


def test_an_odoo_hosts_files(boot: Boot, render: Callable[[str], Path], example: str) -> None:
    host = boot(render(example.replace("  # pooler: session", "  pooler: session")), "odoo1")
    checks = Checks(host)
    checks.units()
    checks.firewall()
    checks.read("logrotate", "-d", "/etc/logrotate.d/odoo-ha")
    host.run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/odoo-ha-pgbouncer.conf")
    pgbouncer = host.start("pgbouncer")
    wait_until(
        lambda: "process up" in host.log("pgbouncer") or not pgbouncer.is_running(),
        timeout=300, what="PgBouncer starts",
    )  # fmt: skip
    assert pgbouncer.is_running(), host.log("pgbouncer")
    # Odoo reads its options, and the suite its settings.
    host.run("install", "-d", "-o", "odoo", "/var/lib/odoo", "/run/odoo")
    source = OdooSource.find()
    python = ("/usr/bin/env", f"PYTHONPATH={source.python_path}", sys.executable)
    odoo = host.start("odoo", instead=(*python, "-c", READ_SETTINGS))
    assert odoo.wait(300) == 0, host.log("odoo")
    assert "the settings are good" in host.log("odoo")
    # And what is wrong would have been told.
    conf = host.base / "upper/etc/odoo/odoo.conf"
    conf.write_text(conf.read_text().replace("hold_timeout", "hold_timeot"))
    odoo = host.start("odoo", instead=(*python, "-c", READ_SETTINGS))
    assert odoo.wait(300) != 0
    assert "did you mean hold_timeout?" in host.log("odoo")


def test_a_redis_hosts_files(boot: Boot, render: Callable[[str], Path], example: str) -> None:
    host = boot(render(example), "redis1")
    checks = Checks(host)
    checks.units()
    checks.read("logrotate", "-d", "/etc/logrotate.d/odoo-ha")
    host.run("ip", "addr", "add", "10.0.0.31/32", "dev", "lo")
    password = host.run("cat", "/etc/odoo-ha/secrets/redis").stdout.strip()

    def cli(*words: str) -> str:
        ask = ("redis-cli", "-h", "10.0.0.31", *words)
        return host.run("env", f"REDISCLI_AUTH={password}", *ask, check=False).stdout

    host.start("redis-server")
    wait_until(lambda: "PONG" in cli("ping"), timeout=300, what="Redis answers")
    assert "noeviction" in cli("config", "get", "maxmemory-policy")
    host.start("redis-sentinel")
    ask = ("-p", "26379", "sentinel", "get-master-addr-by-name", "odoo-ha")
    wait_until(lambda: "10.0.0.31" in cli(*ask), timeout=300, what="Sentinel answers")
    # What they rewrite is theirs, and survives a start.
    assert cli("config", "rewrite").strip() == "OK"
    copy = "/var/lib/redis/redis.conf"
    before = host.run("cat", copy).stdout
    assert password in before
    assert host.run("stat", "-c", "%U %a", copy).stdout.strip() == "redis 600"
    host.services["redis-server"].stop()
    host.start("redis-server")
    wait_until(lambda: "PONG" in cli("ping"), timeout=300, what="Redis answers again")
    assert host.run("cat", copy).stdout == before


def test_a_database_hosts_files(boot: Boot, render: Callable[[str], Path], example: str) -> None:
    """etcd's members are all on this one host here, each with its own file."""
    out = render(example)
    host = boot(out, "pg1")
    checks = Checks(host)
    checks.units()
    checks.firewall()
    for number in (1, 2, 3):
        host.run("ip", "addr", "add", f"10.0.0.1{number}/32", "dev", "lo")
    host.start("etcd")
    for name in ("pg2", "pg3"):
        config = json.loads((out / name / "etc/etcd/etcd.yml").read_text())
        config["data-dir"] += f"-{name}"
        host.run("sh", "-c", f"cat > /etc/etcd/{name}.yml", stdin=json.dumps(config))
        unit = host.base / "upper/etc/systemd/system"
        text = (unit / "etcd.service").read_text().replace("etcd.yml", f"{name}.yml")
        (unit / f"etcd-{name}.service").write_text(text)
        host.start(f"etcd-{name}")
    endpoints = ",".join(f"http://10.0.0.1{n}:2379" for n in (1, 2, 3))
    health = ("env", "ETCDCTL_API=3", "etcdctl", f"--endpoints={endpoints}", "endpoint", "health")
    wait_until(
        lambda: host.run(*health, check=False).stdout.count("is healthy") == 3,
        timeout=300, what="three members of etcd are healthy",
    )  # fmt: skip
    checks.read("/opt/patroni/bin/patroni", "--validate-config", "/etc/patroni/patroni.yml")
    patroni = host.start("patroni")
    ask = ("/opt/patroni/bin/patronictl", "-c", "/run/patroni/patroni.yml", "list", "-f", "json")

    def role() -> str:
        found = host.run(*ask, check=False).stdout
        members = json.loads(found[found.index("[{") :]) if "[{" in found else []
        return f"{members[0]['Role']} {members[0]['State']}" if members else found

    wait_until(
        lambda: role() == "Leader running" or not patroni.is_running(),
        timeout=240, what="Patroni has a leader",
    )  # fmt: skip
    assert patroni.is_running(), host.log("patroni")
    # The roles, as the plan says, twice: it may be run again.
    superuser = host.run("cat", "/etc/odoo-ha/secrets/postgres-superuser").stdout.strip()
    psql = ("env", f"PGPASSWORD={superuser}", "psql", "-X", "-v", "ON_ERROR_STOP=1",
            "-h", "10.0.0.11", "-U", "postgres")  # fmt: skip
    for _ in range(2):
        host.run(*psql, "-f", "/etc/odoo-ha/roles.sql")
    shown = host.run(
        *psql, "-Atc", "SHOW synchronous_commit; SHOW tcp_keepalives_idle; SHOW shared_buffers"
    )
    assert shown.stdout.split() == ["on", "5", "128MB"]
