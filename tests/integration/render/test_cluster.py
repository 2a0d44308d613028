"""A cluster of ten hosts, made of nothing but what ``odoo-ha render`` wrote and its plan's commands, loses
its primary, an Odoo node and the balancer that has the address.

HA_TEST_RENDERED_CLUSTER=1 runs it: it takes minutes and some 4 GB of memory.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.render.conftest import SECRETS
from tests.servers import rendered
from tests.servers.addresses import wait_until
from tests.servers.odoo_source import OdooSource
from tests.servers.processes import ServerProcess, discard, scratch_directory
from tests.servers.rendered import Network, RenderedHost, new_secrets, usual_places

pytestmark = pytest.mark.skipif(
    not os.environ.get("HA_TEST_RENDERED_CLUSTER"), reason="HA_TEST_RENDERED_CLUSTER isn't set"
)

S3 = "10.0.0.41"
VIRTUAL = "10.0.0.100"
PATIENCE_S = 600
#: Three advertisements of 0.3 s that don't come; the rest is for looking.
ADDRESS_MOVES_S = 2.0
PATRONICTL = ("/opt/patroni/bin/patronictl", "-c", "/run/patroni/patroni.yml")


class Cluster:
    """The hosts of an inventory, plugged into one switch, with the services that their plan starts."""

    def __init__(self, out: Path, network: Network, stack: ExitStack, certificate: str) -> None:
        self.out, self.network = out, network
        self.plan = (out / "PLAN.md").read_text()
        self.secrets = new_secrets(SECRETS)
        source = OdooSource.find()
        extra = {
            **{f"/etc/odoo-ha/secrets/{n}": v + "\n" for n, v in self.secrets.items()},
            **usual_places(str(source.python_path), str(source.script)),
            "/etc/odoo-ha/tls/odoo.pem": certificate,
            "/etc/sysusers.d/odoo.conf": "u odoo - Odoo /var/lib/odoo\n",
        }
        self.hosts: dict[str, RenderedHost] = {}
        for name, address in re.findall(r"^\| ([a-z]+\d) \| (10\.[\d.]+) \|", self.plan, re.M):
            host = stack.enter_context(RenderedHost(name, out / name, extra))
            network.plug(host, address)
            host.run("nft", "-f", "/etc/odoo-ha/firewall.nft")
            self.hosts[name] = host

    def start(self, prefix: str, *units: str) -> None:
        for name, host in self.hosts.items():
            if name.startswith(prefix):
                for unit in units:
                    host.start(unit)

    def planned(self, host: str, begins: str) -> str:
        """Run the plan's command that begins so."""
        (command,) = {line for line in self.plan.splitlines() if line.startswith(begins)}
        return self.hosts[host].run("sh", "-c", command, timeout=PATIENCE_S).stdout

    def members(self) -> dict[str, str]:
        """Each Patroni member's role and state."""
        for host in (h for n, h in self.hosts.items() if n.startswith("pg") and h.alive):
            said = host.run(*PATRONICTL, "list", "-f", "json", check=False).stdout
            # Before it stand complaints about members of etcd that are gone.
            if "[{" in said:
                members = json.loads(said[said.index("[{") :])
                return {m["Member"]: f"{m['Role']} {m['State']}" for m in members}
        return {}

    def leader(self) -> str | None:
        return next((m for m, s in self.members().items() if s == "Leader running"), None)

    def rows(self, name: str) -> list[str]:
        """The names of the partners that the user `name` made, as the primary has them."""
        leader = self.leader()
        assert leader
        address = f"10.0.0.1{leader[-1]}"
        question = f"SELECT name FROM res_partner WHERE name LIKE '{name}-%'"
        password = f"PGPASSWORD={self.secrets['postgres-superuser']}"
        psql = ("psql", "-XAt", "-h", address, "-U", "postgres", "-d", "production")
        return self.hosts[leader].run("env", password, *psql, "-c", question).stdout.split()

    def up(self) -> None:
        """What PLAN.md says, step by step."""
        self.start("pg", "etcd")
        self.hosts["pg1"].start("patroni")
        wait_until(lambda: self.leader() == "pg1", timeout=PATIENCE_S, what="the first primary")
        for name in ("pg2", "pg3"):
            self.hosts[name].start("patroni")
        streaming = ["Replica streaming", "Sync Standby streaming"]
        wait_until(
            lambda: sum(state in streaming for state in self.members().values()) == 2
            and streaming[1] in self.members().values(),
            timeout=PATIENCE_S, what="both replicas stream, one of them synchronously",
        )  # fmt: skip
        self.planned("pg1", "PGPASSWORD=")
        self.start("redis", "redis-server")
        self.start("redis", "redis-sentinel")
        for name in ("odoo1", "odoo2"):
            self.hosts[name].run("install", "-d", "-o", "odoo", "/var/lib/odoo")
        self.start("odoo", "ha-sidecar")
        check = ("ha-sidecar", "check", "--config", "/etc/odoo-ha/sidecar.toml")
        wait_until(
            lambda: self.hosts["odoo1"].run(*check, check=False).returncode == 0,
            timeout=PATIENCE_S, what="ha-sidecar check is content",
        )  # fmt: skip
        install = self.hosts["odoo1"].start("odoo-install")
        assert install.wait(PATIENCE_S) == 0, self.hosts["odoo1"].log("odoo-install")[-3000:]
        self.start("odoo", "odoo")
        self.start("lb", "haproxy", "keepalived")
        wait_until(self.answers, timeout=PATIENCE_S, what="the cluster answers at its address")

    def cut_power(self, host: RenderedHost) -> None:
        """First its cable: while its processes end one after the other, its kernel would refuse connections,
        which no host without power does."""
        self.network.unplug(host)
        host.cut_power()

    def answers(self) -> bool:
        ask = ("curl", "-sk", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}")
        host = ("-H", "Host: odoo.example.com", f"https://{VIRTUAL}/web/login?db=production")
        done = subprocess.run(
            self.network.inside(*ask, *host),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout == "200"


@pytest.fixture(scope="module")
def cluster(packages: None, certificate: str, example: str) -> Iterator[Cluster]:
    if reason := rendered.problem():
        pytest.skip(f"not checked: {reason}")
    base = scratch_directory("odoo-ha-cluster-")
    text = example.replace(
        "endpoint: https://s3.example.com", f"endpoint: http://{S3}:8333\n  addressing_style: path"
    )
    (base / "cluster.yml").write_text(text)
    rendered.odoo_ha("render", base / "cluster.yml", base / "out")
    with ExitStack() as stack:
        stack.callback(discard, base)
        network = stack.enter_context(Network(S3))
        made = Cluster(base / "out", network, stack, certificate)
        stack.callback(start_s3(made, base).kill)
        made.up()
        yield made


def start_s3(cluster: Cluster, base: Path) -> ServerProcess:
    """SeaweedFS at the switch, with the bucket that the inventory names."""
    key = {"accessKey": "odoo", "secretKey": cluster.secrets["s3-secret-key"]}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "odoo", "credentials": [key], "actions": actions}
    (base / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (base / "s3").mkdir()
    words = [
        os.environ["HA_TEST_WEED"], "-logtostderr=true", "server", f"-dir={base}/s3", f"-ip={S3}",
        f"-ip.bind={S3}", "-master.port=29333", "-volume.port=29380", "-filer",
        "-filer.port=29388", f"-filer.localSocket={base}/filer.sock", "-s3", "-s3.port=8333",
        f"-s3.config={base}/s3.json", "-volume.max=20", "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
    ]  # fmt: skip
    server = ServerProcess("s3", cluster.network.inside(*words), log=base / "s3.log")
    server.start()
    make = (
        "import sys, boto3, botocore.config as c;"
        " s3 = boto3.client('s3', endpoint_url=sys.argv[1], aws_access_key_id='odoo',"
        " aws_secret_access_key=sys.stdin.read(), region_name='us-east-1',"
        " config=c.Config(s3={'addressing_style': 'path'}));"
        " s3.create_bucket(Bucket='odoo-attachments');"
        " s3.put_bucket_versioning(Bucket='odoo-attachments',"
        " VersioningConfiguration={'Status': 'Enabled'})"
    )

    def made() -> bool:
        done = subprocess.run(
            cluster.network.inside(sys.executable, "-c", make, f"http://{S3}:8333"),
            input=key["secretKey"], text=True, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        return done.returncode == 0 or "BucketAlready" in done.stderr

    wait_until(made, timeout=PATIENCE_S, what="the bucket", interval=1)
    return server


def while_a_user_works(
    cluster: Cluster, name: str, fault: Callable[[], None], seconds: int
) -> list[dict[str, object]]:
    """What a user saw who works before, during and after the fault."""
    log = scratch_directory("odoo-ha-user-")
    user = ServerProcess(
        "user",
        cluster.network.inside(
            sys.executable, str(Path(__file__).with_name("user.py")), f"https://{VIRTUAL}",
            "odoo.example.com", str(seconds), name,
        ),
        log=log / "log",
    )  # fmt: skip
    user.start()
    wait_until(
        lambda: user.log_text().count("\n") > 5 or not user.is_running(),
        timeout=PATIENCE_S, what="the user works",
    )  # fmt: skip
    assert user.is_running(), user.log_text()
    fault()
    assert user.wait(PATIENCE_S) == 0, user.log_text()
    seen = [json.loads(line) for line in user.log_text().splitlines()][1:]
    discard(log)
    longest = max(float(row["took"]) for row in seen)
    failed = [row for row in seen if row["outcome"] != "ok"]
    print(f"{name}: {len(seen)} writes, {len(failed)} failed, longest {longest:.1f} s")
    return seen


def acknowledged(seen: list[dict[str, object]], name: str) -> list[str]:
    return [f"{name}-{row['row']}" for row in seen if row["outcome"] == "ok"]


def doctor(cluster: Cluster) -> tuple[int, dict[str, str]]:
    """`odoo-ha doctor` where an Odoo node's network is: its exit code, and what isn't green."""
    base = scratch_directory("odoo-ha-doctor-")
    enter = base / "enter"
    hosts = [
        f'{name}) shift; exec {shlex.join(host.inside())} "$@" ;;'
        for name, host in cluster.hosts.items()
    ]
    enter.write_text("\n".join(["#!/bin/sh", 'case "$1" in', *hosts, "esac", ""]))
    enter.chmod(0o755)
    for name, value in cluster.secrets.items():
        (base / name.replace("-", "_")).write_text(f"{value}\n")
    network = ("nsenter", f"--target={cluster.hosts['odoo1'].pid}", "--net")
    done = subprocess.run(
        [*network, rendered.tool("odoo-ha"), "doctor", str(cluster.out.parent / "cluster.yml"),
         "--secrets", str(base), "--through", f"{enter} {{host}}", "--json"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    discard(base)
    assert done.stdout, done.stderr
    assert not any(value in done.stdout + done.stderr for value in cluster.secrets.values())
    return done.returncode, {
        check["name"]: " / ".join(f"{f['where']}: {f['seen']}" for f in check["findings"])
        for check in json.loads(done.stdout)["checks"]
        if check["level"] != "ok"
    }


def test_the_doctor_finds_nothing_but_what_is_planted(cluster: Cluster) -> None:
    last: list[tuple[int, dict[str, str]]] = []

    def green() -> bool:
        last.append(doctor(cluster))
        return last[-1] == (0, {})

    try:
        wait_until(green, timeout=120, what="the doctor is content", interval=2)
    except Exception as error:
        raise AssertionError(last[-1]) from error
    odoo2, redis2 = cluster.hosts["odoo2"], cluster.hosts["redis2"]
    odoo2.run("sed", "-i", "s/^limit_time_real = .*/limit_time_real = 45/", "/run/odoo/odoo.conf")
    redis2.run("chmod", "0644", "/etc/odoo-ha/secrets/redis")
    code, problems = doctor(cluster)
    odoo2.run("sed", "-i", "s/^limit_time_real = .*/limit_time_real = 180/", "/run/odoo/odoo.conf")
    redis2.run("chmod", "0400", "/etc/odoo-ha/secrets/redis")
    assert code == 1
    assert "odoo2: limit_time_real is 45 s" in problems["limits"]
    assert "redis2: /etc/odoo-ha/secrets/redis has mode 0644" in problems["secrets"]
    assert "limit_time_real differs" in problems["shared-configuration"]
    assert "was changed" in problems.pop("server-wide-modules", "was changed")
    assert set(problems) == {"limits", "secrets", "shared-configuration"}


def test_the_primarys_host_is_lost(cluster: Cluster) -> None:
    first = cluster.leader()
    assert first
    seen = while_a_user_works(
        cluster, "primary", lambda: cluster.cut_power(cluster.hosts[first]), 90
    )
    assert [row["outcome"] for row in seen if row["outcome"] != "ok"] == []
    assert max(float(str(row["took"])) for row in seen) > 5, "nothing was lost"
    assert cluster.leader() not in (None, first)
    assert sorted(cluster.rows("primary")) == sorted(acknowledged(seen, "primary"))


def test_an_odoo_host_is_lost(cluster: Cluster) -> None:
    seen = while_a_user_works(
        cluster, "node", lambda: cluster.cut_power(cluster.hosts["odoo2"]), 40
    )
    assert [row["outcome"] for row in seen if row["outcome"] != "ok"] == []
    assert sorted(cluster.rows("node")) == sorted(acknowledged(seen, "node"))


def test_the_balancer_with_the_address_is_lost(cluster: Cluster) -> None:
    """What was under way through it is an error, as the connection is gone; no other request is."""
    lb1, lb2 = cluster.hosts["lb1"], cluster.hosts["lb2"]

    def has(host: RenderedHost) -> bool:
        return VIRTUAL in host.run("ip", "-o", "addr", "show", "eth0").stdout

    holder, other = (lb1, lb2) if has(lb1) else (lb2, lb1)
    assert has(holder)
    moved: list[float] = []

    def fault() -> None:
        cluster.cut_power(holder)
        moved.append(wait_until(lambda: has(other), timeout=60, what="the address moves"))

    seen = while_a_user_works(cluster, "balancer", fault, 40)
    print(f"the address moved within {moved[0]:.1f} s")
    assert moved[0] <= ADDRESS_MOVES_S
    assert len([row for row in seen if row["outcome"] != "ok"]) <= 1
    made = set(cluster.rows("balancer"))
    assert made >= set(acknowledged(seen, "balancer"))
