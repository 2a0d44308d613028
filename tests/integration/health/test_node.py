"""One node as its balancers see it, with Redis and S3 gone all the while: HAProxy with its agent
check, nginx, a prober as Kubernetes has it, the sidecar, Prometheus."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import jsonschema
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.addresses import free_port, next_address, wait_until
from tests.servers.debian import program
from tests.servers.haproxy import Haproxy
from tests.servers.nginx import Nginx
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient
from tests.servers.postgres import Postgres
from tests.servers.websocket_client import BusClient

from .conftest import Answer, gevent_port, probe, worker_port
from .sidecar import NodeSidecar

DATABASE = "health_node"
TOKEN = "0123456789abcdef0123456789abcdef"
BEARER = f"Authorization: Bearer {TOKEN}\r\n"
SCHEMA = json.loads(
    Path(__file__).parents[2].joinpath("unit/ha_health/health_check_06.schema.json").read_text()
)
MONITORING = Path(__file__).parents[3] / "docs" / "monitoring"
WORKERS = 2
GOING_AWAY = 1001  # RFC 6455
#: On a busy machine everything takes longer.
LONG = 60


@dataclass(frozen=True)
class Node:
    """An Odoo and its sidecar; ``first`` is gevent's very first answer, before it loaded anything."""

    odoo: OdooServer
    sidecar: NodeSidecar
    first: Answer

    @property
    def health(self) -> tuple[str, int]:
        """Where the sidecar answers for the node."""
        return self.sidecar.health

    def client(self) -> OdooClient:
        client = self.odoo.client()
        client.login(DATABASE)
        return client


@pytest.fixture(scope="module")
def node(
    postgres: Postgres, suite_template: OdooServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    base = tmp_path_factory.mktemp("node")
    address = next_address()
    nobody = free_port(address)
    (base / "token").write_text(TOKEN)
    odoo = OdooServer(
        postgres,
        DATABASE,
        variant="suite",
        workers=WORKERS,
        ha={
            "node_id": "odoo-a",
            "drain_path": base / "drain",
            "health_interval": 0.3,
            "health_timeout": "10s",
            "health_max_age": "60s",
            "health_trusted_networks": "127.20.0.0/24",
            "health_trusted_proxies": "127.19.0.0/16",
            # Nobody listens there.
            "redis_url": f"redis://{address}:{nobody}",
            "redis_retry_budget": "1s",
            "s3_bucket": "gone",
            "s3_endpoint_url": f"http://{address}:{nobody}",
            "s3_access_key": "x",
            "s3_secret_key": "x",
        },
        environment={"ODOO_HA_HEALTH_TOKEN_FILE": str(base / "token")},
        options={"max_cron_threads": 1},
    )
    odoo.copy_database(suite_template)
    with odoo:
        first = probe(gevent_port(odoo))
        with NodeSidecar(odoo, base / "drain", base / "token") as sidecar:
            yield Node(odoo, sidecar, first)


@contextmanager
def requests_under_way(node: Node, count: int) -> Iterator[list[int]]:
    """So many requests that wait for a lock until the context is left; then their statuses are
    complete."""
    statuses: list[int] = []
    clients = [node.client() for _ in range(count)]
    postgres = node.odoo.databases[0]

    def write(number: int, client: OdooClient) -> None:
        answer = client.http.post(
            f"{node.odoo.url}/ha_test/write",
            data={"token": f"{threading.get_ident()}-{number}"},
            timeout=100,
        )
        statuses.append(answer.status_code)

    def waiting() -> bool:
        ((found,),) = postgres.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(found == count)

    threads = [threading.Thread(target=write, args=pair) for pair in enumerate(clients)]
    connection = postgres.connect(DATABASE)
    try:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE ha_test_row IN EXCLUSIVE MODE")
            for thread in threads:
                thread.start()
            wait_until(waiting, timeout=LONG, what=f"{count} requests wait")
            yield statuses
    finally:
        connection.close()
        for thread in threads:
            thread.join(100)


@pytest.fixture(scope="module")
def haproxy(node: Node) -> Iterator[Haproxy]:
    (host, port), (_, gevent), (agent, agent_port) = (
        worker_port(node.odoo),
        gevent_port(node.odoo),
        node.sidecar.agent,
    )
    line = (
        f"{host}:{port} weight 100 check port {gevent} inter 300 fall 2 rise 1"
        f" agent-check agent-addr {agent} agent-port {agent_port} agent-inter 300"
    )
    with Haproxy({"odoo-a": line}, options="    option httpchk GET /web/health") as server:
        yield server


def shown(haproxy: Haproxy) -> tuple[str, int]:
    """The server's status and weight, as HAProxy's statistics have them."""
    rows = csv.DictReader(haproxy.ask("show stat").removeprefix("# ").splitlines())
    (row,) = (row for row in rows if row["svname"] == "odoo-a")
    return row["status"], int(row["weight"])


def kube_probe(server: tuple[str, int], path: str) -> bool:
    """An httpGet probe of Kubernetes: success is 200 to 399, redirects only within the host."""
    url = f"http://{server[0]}:{server[1]}{path}"
    headers = {"User-Agent": "kube-probe/1.31", "Accept": "*/*", "Connection": "close"}
    for _ in range(10):
        answer = requests.get(url, headers=headers, timeout=10, allow_redirects=False)
        there = urljoin(url, answer.headers.get("Location", url))
        if not answer.is_redirect or urlsplit(there).hostname != server[0]:
            break
        url = there
    return 200 <= answer.status_code < 400


def test_the_first_answer_comes_before_a_registry_is_loaded(node: Node) -> None:
    assert (node.first.status, node.first.json) == (200, {"status": "pass"})


def test_strangers_learn_nothing_else(node: Node) -> None:
    for port in (worker_port(node.odoo), gevent_port(node.odoo), node.health):
        answer = probe(port)
        assert answer.json == {"status": "pass"}
        told = str(answer.headers).lower()
        for word in ("odoo-a", "werkzeug", "python", "primary", "standby", "/var/", "19.0"):
            assert word not in told, word
        assert probe(port, "/web/metrics").status == 404
        wrong = probe(port, "/web/metrics", headers=BEARER.replace("0123", "1123", 1))
        assert (wrong.status, "odoo_ha" in wrong.body) == (404, False)


def test_the_details_are_valid_and_tell_their_age(node: Node) -> None:
    for port in (worker_port(node.odoo), gevent_port(node.odoo), node.health):
        body = probe(port, headers=BEARER).json
        jsonschema.validate(body, SCHEMA)
        for name, checks in body["checks"].items():
            assert all(check["ageSeconds"] < LONG for check in checks), name
    checks = probe(gevent_port(node.odoo), headers=BEARER).json["checks"]
    assert checks["workers:all"][0]["observedValue"] == WORKERS
    assert checks["s3:cache_disk_free"][0]["observedValue"] > 0
    node.client()  # now some worker has looked for Redis
    wait_until(
        lambda: "sessions:state" in probe(worker_port(node.odoo), headers=BEARER).json["checks"],
        timeout=LONG, what="a worker tells of its sessions",
    )  # fmt: skip


def test_a_kubernetes_probe(node: Node) -> None:
    for port in (worker_port(node.odoo), gevent_port(node.odoo), node.health):
        for path in ("?probe=ready", "?probe=live", "?probe=startup", ""):
            assert kube_probe(port, f"/web/health{path}"), (port, path)
        assert not kube_probe(port, "/web/health?probe=wrong")


def test_metrics_of_all_processes(node: Node) -> None:
    node.client()

    def figures() -> dict[str, float]:
        page = probe(worker_port(node.odoo), "/web/metrics", headers=BEARER)
        assert page.status == 200, page.body
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(page.body)
            for sample in family.samples
        }

    # Two workers, one for scheduled actions, and gevent only once it has served something.
    wait_until(
        lambda: figures().get("odoo_ha_processes", 0) >= WORKERS + 1,
        timeout=LONG, what="all processes report",
    )  # fmt: skip
    found = figures()
    assert found["odoo_ha_workers_all"] == WORKERS
    assert found["odoo_ha_draining"] == 0
    assert found["odoo_ha_requests_replayed_total"] == 0
    assert found["odoo_ha_pool_connections"] >= 1
    wait_until(
        lambda: figures()["odoo_ha_sessions_errors_total"] >= 1,
        timeout=LONG, what="Redis's absence is counted",
    )  # fmt: skip
    before = figures()["odoo_ha_sessions_errors_total"]
    # One that is killed while it makes its file leaves this.
    (directory,) = Path(tempfile.gettempdir()).glob(f"odoo-ha-metrics-{node.odoo.process.pid}-*")
    (directory / "counter_4194303.db").touch()
    # A worker that ends takes none of its counts along, and its files go.
    children = [each for each in node.odoo.process.tree() if each.ppid() == node.odoo.process.pid]
    for child in children:
        if "gevent" not in " ".join(child.cmdline()):
            child.kill()
            child.wait(10)
    wait_until(
        lambda: figures().get("odoo_ha_processes", 0) >= WORKERS + 1,
        timeout=LONG, what="new workers report",
    )  # fmt: skip
    assert figures()["odoo_ha_sessions_errors_total"] >= before
    text = probe(worker_port(node.odoo), "/web/metrics", headers=BEARER).body
    for file in ("odoo-ha.rules.yml", "grafana-dashboard.json"):
        asked = set(re.findall(r"\bodoo_ha_\w+", (MONITORING / file).read_text()))
        assert {name for name in asked if "odoo_ha_cron" not in name} <= set(figures()), file
    promtool = program("promtool", "prometheus", "/usr/bin/promtool")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=LONG,
        check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_busy_workers_fail_nothing(node: Node, haproxy: Haproxy) -> None:
    wait_until(lambda: shown(haproxy) == ("UP", 100), timeout=LONG, what="it is up")
    with requests_under_way(node, WORKERS) as statuses:
        wait_until(
            lambda: node.sidecar.agent_says() == "up ready 1%", timeout=LONG, what="all are busy"
        )
        wait_until(lambda: shown(haproxy) == ("UP", 1), timeout=LONG, what="HAProxy knows")
        for port in (gevent_port(node.odoo), node.health):
            assert probe(port).json == {"status": "pass"}
    assert statuses == [200] * WORKERS
    wait_until(lambda: shown(haproxy) == ("UP", 100), timeout=LONG, what="it is free again")


def test_draining_lets_requests_end(node: Node, haproxy: Haproxy) -> None:
    wait_until(lambda: shown(haproxy)[0] == "UP", timeout=LONG, what="it is up")
    ready = (worker_port(node.odoo), gevent_port(node.odoo), node.health)
    bus = BusClient(node.odoo.gevent_url, node.client())
    with requests_under_way(node, 1) as statuses:
        node.sidecar.command("drain")
        for port in ready[1:]:
            wait_until(lambda port=port: probe(port).status == 503, timeout=LONG, what="not ready")  # type: ignore[misc]
            assert kube_probe(port, "/web/health?probe=live")
            assert kube_probe(port, "/web/health?probe=startup")
        assert node.sidecar.agent_says() == "drain"
        wait_until(
            lambda: "DRAIN" in shown(haproxy)[0] or "DOWN" in shown(haproxy)[0],
            timeout=LONG, what="HAProxy drains",
        )  # fmt: skip
        draining = probe(gevent_port(node.odoo), headers=BEARER).json
        jsonschema.validate(draining, SCHEMA)
        assert draining["output"] == "the node is being drained"
        # Browsers connect again on that, each after a delay of its own; here they are sent away again.
        assert bus.close_code(LONG) == GOING_AWAY
        assert BusClient(node.odoo.gevent_url, node.client()).close_code(LONG) == GOING_AWAY
    assert statuses == [200]
    node.sidecar.command("drain", "--maintenance")
    wait_until(lambda: "MAINT" in shown(haproxy)[0], timeout=LONG, what="maintenance")
    node.sidecar.command("undrain")
    for port in ready:
        wait_until(lambda port=port: probe(port).status == 200, timeout=LONG, what="ready")  # type: ignore[misc]
    wait_until(lambda: shown(haproxy)[0] == "UP", timeout=LONG, what="HAProxy is back")


def test_through_nginx(node: Node) -> None:
    """Who is behind a trusted proxy counts, not what strangers write into its header."""
    host, port = gevent_port(node.odoo)
    honest = f"proxy_pass http://{host}:{port}; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
    silent = f"proxy_pass http://{host}:{port}; proxy_set_header X-Forwarded-For '';"
    with Nginx(
        {"/web/health": honest, "/silent/": silent.replace(";", "/web/health;", 1)}
    ) as nginx:
        server = (nginx.address, nginx.port)

        def ask(path: str, source: str, headers: str = "") -> Answer:
            return probe(server, path, headers=headers, source=source)

        assert "checks" in ask("/web/health", "127.20.0.9").json
        assert ask("/web/health", "127.0.0.9").json == {"status": "pass"}
        spoofed = "X-Forwarded-For: 127.20.0.9\r\n"
        assert ask("/web/health", "127.0.0.9", spoofed).json == {"status": "pass"}
        assert ask("/silent/", "127.20.0.9").json == {"status": "pass"}
        assert kube_probe(server, "/web/health")


def test_an_upgrade_of_a_module_fails_nothing(node: Node) -> None:
    seen = set()
    done = threading.Event()

    def upgrade() -> None:
        try:
            node.odoo.run("-u", "ha_test", "--stop-after-init", "--no-http", timeout=300)
        finally:
            done.set()

    thread = threading.Thread(target=upgrade)
    thread.start()
    while not done.wait(0.1):
        seen |= {probe(port).status for port in (gevent_port(node.odoo), node.health)}
    thread.join()
    assert seen == {200}


def test_an_odoo_that_hangs_is_down_once_its_answer_is_old(node: Node, haproxy: Haproxy) -> None:
    node.odoo.freeze()
    try:
        wait_until(
            lambda: node.sidecar.agent_says() == "down", timeout=LONG, what="its answer is old"
        )
        for path in ("/web/health", "/web/health?probe=live"):
            assert probe(node.health, path).status == 503
        assert probe(node.health, "/web/health?probe=startup").status == 200
        wait_until(lambda: "DOWN" in shown(haproxy)[0], timeout=LONG, what="HAProxy knows")
    finally:
        node.odoo.thaw()
    wait_until(lambda: node.sidecar.agent_says() != "down", timeout=LONG, what="it answers again")
    wait_until(lambda: shown(haproxy)[0] == "UP", timeout=LONG, what="HAProxy is back")
