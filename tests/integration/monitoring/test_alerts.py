"""Each alert by its fault, on the real parts: it arrives once, soon, and clears once.

One Odoo with its sidecar, etcd, PostgreSQL with a standby, Redis, SeaweedFS, and a webhook for apprise.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sidecar.tests.integration.cluster import Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.etcd import Etcd
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient, OdooFault
from tests.servers.postgres import Postgres
from tests.servers.processes import discard, scratch_directory
from tests.servers.redis import RedisServer
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings
from tests.servers.webhook import Webhook

pytestmark = pytest.mark.skipif(
    not os.environ.get("HA_TEST_LONG"), reason="minutes: set HA_TEST_LONG=1"
)

DATABASE = "alerts"
LONG = 120
#: Seconds from the fault to the message: 10 where nothing else runs.
SOON = float(os.environ.get("HA_TEST_ALERT_LIMIT", "30"))


@dataclass
class World:
    base: Path
    cluster: Cluster
    standby: Postgres
    redis: RedisServer
    s3: SeaweedFS
    odoo: OdooServer
    sidecar: Sidecar
    webhook: Webhook

    def client(self) -> OdooClient:
        client = self.odoo.client()
        client.login(DATABASE)
        return client

    def node(self) -> dict[str, object]:
        """The node as checks see it."""
        (node,) = self.sidecar.get("/checks")[1]["state"]["nodes"]
        return dict(node)

    def is_quiet(self) -> bool:
        return self.sidecar.get("/alerts")[1]["alerts"] == []


def write_certificate(path: Path, days: float) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1))
    signed = builder.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())
    temporary = path.with_suffix(".new")
    temporary.write_bytes(signed.public_bytes(Encoding.PEM))
    temporary.replace(path)


@pytest.fixture(scope="module")
def world(postgres: Postgres, suite_template: OdooServer) -> Iterator[World]:
    base = scratch_directory("odoo-ha-alerts-")
    base.chmod(0o755)
    with ExitStack() as running:
        running.callback(discard, base)
        etcd = running.enter_context(Etcd())
        standby = running.enter_context(postgres.replica())
        redis = RedisServer(base, secrets.token_urlsafe(16))
        running.callback(redis.stop)
        redis.start()
        s3 = running.enter_context(SeaweedFS())
        webhook = running.enter_context(Webhook())
        cluster = Cluster(etcd, {"pg1": postgres, "pg2": standby})
        cluster.prepare()
        for name, secret in {
            "token": secrets.token_hex(16), "redis": redis.password, "s3": s3.secret_key,
        }.items():  # fmt: skip
            (base / name).write_text(secret)
        odoo = OdooServer(
            postgres,
            DATABASE,
            variant="suite",
            ha={
                "node_id": "odoo1",
                "topology_path": base / "topology.json",
                "redis_url": redis.url,
                **ha_settings(None, s3),
            },
            environment={
                "ODOO_HA_HEALTH_TOKEN_FILE": str(base / "token"),
                "ODOO_HA_REDIS_PASSWORD_FILE": str(base / "redis"),
                "ODOO_HA_S3_SECRET_KEY_FILE": str(base / "s3"),
            },
            options={"max_cron_threads": 1},
        )
        odoo.copy_database(suite_template)
        write_certificate(base / "site.pem", 300)
        sidecar = Sidecar(
            cluster,
            node_name="odoo1",
            topology_path=str(base / "topology.json"),
            socket_path=str(base / "sidecar.sock"),
            certificates=[str(base / "site.pem")],
            certificate_interval="1s",
            odoo_url=odoo.url,
            odoo_token_file=str(base / "token"),
            odoo_timeout="5s",
            odoo_max_age="10s",
        )
        sidecar.topology_path, sidecar.socket_path = base / "topology.json", base / "sidecar.sock"
        sidecar.process.argv[:3] = [str(shutil.which("ha-sidecar"))]
        (base / "urls").write_text(webhook.url + "\n")
        with sidecar.config.open("a") as config:
            config.write(f'alert_urls_file = "{base / "urls"}"\n')
        running.enter_context(sidecar)
        sidecar.wait_for(state="stable")
        running.enter_context(odoo)
        world = World(base, cluster, standby, redis, s3, odoo, sidecar, webhook)
        wait_until(
            lambda: (world.node()["redis"], world.node()["s3"], world.node()["cron_leads"])
            == (True, True, 1),
            timeout=LONG, what="the node tells that all is well",
        )  # fmt: skip
        # The check waits for 20 s after a change of the primary, the sidecar's start is one.
        wait_until(
            lambda: sidecar.get("/checks")[1]["state"]["stable_seconds"] > 20 and world.is_quiet(),
            timeout=LONG, what="all is quiet",
        )  # fmt: skip
        webhook.forget()
        yield world
        standby.thaw()
        if not postgres.process.is_running():
            postgres.start()


def told(
    world: World, wanted: set[str], plant: Callable[[], object], mend: Callable[[], object]
) -> None:
    """The fault raises these alerts and no others, each once, and mended clears each once."""
    world.webhook.forget()
    planted_at = time.monotonic()
    plant()
    took = {}
    for alert in sorted(wanted):
        took[alert] = world.webhook.wait_for("raised", alert).at - planted_at
    print({alert: f"{seconds:.1f} s" for alert, seconds in took.items()})
    # What is due a little later would have come, too.
    time.sleep(5)
    assert sorted(world.webhook.heard()) == sorted(("raised", alert) for alert in wanted)
    mend()
    for alert in sorted(wanted):
        world.webhook.wait_for("cleared", alert, timeout=LONG)
    wait_until(world.is_quiet, timeout=LONG, what="all is quiet")
    assert sorted(world.webhook.heard()) == sorted(
        (kind, alert) for alert in wanted for kind in ("raised", "cleared")
    )
    assert max(took.values()) < SOON, took


def test_a_standby_is_down_and_nobody_could_take_over(world: World) -> None:
    told(world, {"standby_down:pg2", "no_candidate"}, world.standby.stop, world.standby.start)


def test_a_standby_lags(world: World) -> None:
    def plant() -> None:
        world.standby.execute("SELECT pg_wal_replay_pause()")
        primary = world.cluster.servers["pg1"]
        for _ in range(70):
            primary.execute("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1 << 20))")

    told(
        world, {"standby_lags:pg2"}, plant,
        lambda: world.standby.execute("SELECT pg_wal_replay_resume()"),
    )  # fmt: skip


def test_redis_is_down(world: World) -> None:
    told(world, {"redis_down"}, world.redis.stop, world.redis.start)


def test_s3_is_down(world: World) -> None:
    told(world, {"s3_down"}, world.s3.stop, world.s3.start)


def test_a_certificate_expires(world: World) -> None:
    path = world.base / "site.pem"
    told(
        world, {f"certificate_expires:{path}"},
        lambda: write_certificate(path, 5), lambda: write_certificate(path, 300),
    )  # fmt: skip


def test_the_primary_is_down(world: World) -> None:
    primary = world.cluster.servers["pg1"]
    told(world, {"primary_down"}, primary.kill, primary.start)


def test_checks_are_edited_in_odoo_and_a_drain_that_takes_too_long(world: World) -> None:
    client = world.client()
    client.call("ha.check", "action_take_over", [])
    found = client.call("ha.check", "search_read", [], ["code", "expression"])
    known = {one["code"]: one["id"] for one in found}
    assert "primary_down" in known
    (drains,) = [known["node_draining_too_long"]]
    with pytest.raises(OdooFault, match="node has no drained; it has cron_leads"):
        client.call("ha.check", "write", [drains], {"expression": "node.drained > 2"})
    client.call("ha.check", "write", [drains], {"expression": "node.draining_seconds > 2"})
    client.call("ha.check", "action_test", [drains])
    (check,) = client.call("ha.check", "read", [drains], ["result", "revision_ids"])
    assert check["result"] == "node_draining_too_long:odoo1: does not hold"
    history = client.call(
        "ha.check.revision", "read", check["revision_ids"], ["change", "expression"]
    )
    assert [(one["change"], one["expression"]) for one in history] == [
        ("changed", "node.draining_seconds > 2"),
        ("created", "node.draining_seconds > 1800"),
    ]

    def in_force() -> dict[str, str]:
        checks = world.sidecar.get("/checks")[1]["checks"]
        return {one["id"]: one["expression"] for one in checks}

    wait_until(
        lambda: in_force()["node_draining_too_long"] == "node.draining_seconds > 2",
        timeout=LONG, what="the sidecar has it",
    )  # fmt: skip
    drain = world.base / "drain"
    told(
        world, {"node_draining_too_long:odoo1", "no_cron_leader"},
        lambda: drain.write_text("drain\n"), drain.unlink,
    )  # fmt: skip
    # One that is switched off is evaluated by nobody; the others go on.
    client.call("ha.check", "write", [known["redis_down"]], {"active": False})
    wait_until(lambda: "redis_down" not in in_force(), timeout=LONG, what="it is switched off")
    client.call("ha.check", "write", [known["redis_down"]], {"active": True})
    wait_until(lambda: "redis_down" in in_force(), timeout=LONG, what="it is on again")
