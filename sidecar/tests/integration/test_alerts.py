"""Alerts by real sidecars: one alerter of two, over its death and etcd's, to a real webhook."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator

import pytest

from ha_sidecar.alerts.command import alerts as command
from ha_sidecar.config import load
from sidecar.tests.integration.cluster import SCOPE, Cluster, Sidecar
from tests.servers.addresses import wait_until
from tests.servers.webhook import Webhook

pytestmark = pytest.mark.skipif(not os.environ.get("HA_TEST_LONG"), reason="HA_TEST_LONG=1 runs it")

#: On a busy machine everything takes longer.
LONG = 60


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


def alerting(cluster: Cluster, name: str, webhook: Webhook, **settings: object) -> Sidecar:
    sidecar = Sidecar(cluster, node_name=name, **settings)
    urls = sidecar.write("urls", f"# where alerts go\n{webhook.url}?secret=do-not-tell\n")
    with sidecar.config.open("a") as config:
        config.write(f'alert_urls_file = "{urls}"\n')
    return sidecar


def alerter_of(sidecar: Sidecar) -> str | None:
    status, found = sidecar.get("/alerts")
    assert status == 200
    alerter: str | None = found["alerter"]
    return alerter


def run(sidecar: Sidecar, *words: str) -> tuple[int, str]:
    """``ha-sidecar alerts …`` with its settings."""
    out = io.StringIO()
    code = command(load(sidecar.config, {}, {}), words, out)
    return code, out.getvalue()


def shown(sidecar: Sidecar, alert: str) -> dict[str, object] | None:
    """The alert as its API tells it."""
    found: list[dict[str, object]] = sidecar.get("/alerts")[1]["alerts"]
    return next((one for one in found if one["id"] == alert), None)


def test_two_sidecars_tell_once(own_cluster: Cluster, webhook: Webhook) -> None:
    """Each alert arrives once and clears once, whichever of them is left, with etcd away as well."""
    etcd, standby = own_cluster.etcd, own_cluster.servers["pg2"]
    sidecars = {name: alerting(own_cluster, name, webhook) for name in ("odoo1", "odoo2")}
    first, second = sidecars.values()
    with first, second:
        for sidecar in (first, second):
            sidecar.wait_for(state="stable", timeout=LONG)
            sidecar.wait_for_synchronous_replica("pg2")

        def agreed() -> bool:
            names = {alerter_of(sidecar) for sidecar in (first, second)}
            return len(names) == 1 and None not in names

        wait_until(agreed, timeout=LONG, what="one alerter")
        # The check that comes along waits for 20 s after a change of the primary.
        check = {
            "id": "standby_down", "expression": "not replica.streams", "each": "replica",
            "message": "{replica.name} is gone", "muted_by": ["primary_down"],
        }  # fmt: skip
        wanted = {"version": 7, "checks": [check], "disabled": ["no_candidate", "node_gone"]}
        status, answer = second.post("/checks", wanted)
        assert status == 200, answer
        wait_until(
            lambda: [one.get("/alerts")[1]["checks_version"] for one in (first, second)] == [7, 7],
            timeout=LONG, what="both have the checks",
        )  # fmt: skip
        assert second.post("/checks", {**wanted, "version": 6})[0] == 400

        # Raised by one alerter, cleared by the next.
        standby.stop()
        raised = webhook.wait_for("raised", "standby_down:pg2")
        assert raised.text == "pg2 is gone"
        name = alerter_of(first)
        assert name is not None
        alerter, other = sidecars[name], next(one for key, one in sidecars.items() if key != name)
        alerter.process.stop()
        wait_until(lambda: alerter_of(other) not in (None, name), timeout=LONG, what="the next")
        standby.start()
        webhook.wait_for("cleared", "standby_down:pg2")
        alerter.topology_path.unlink()
        alerter.process.start()
        alerter.wait_for(state="stable", timeout=LONG)
        alerter.wait_for_synchronous_replica("pg2")
        wait_until(agreed, timeout=LONG, what="one alerter")
        assert webhook.heard() == [("raised", "standby_down:pg2"), ("cleared", "standby_down:pg2")]
        webhook.forget()

        # Without etcd the last one goes on, and the other is silent.
        etcd.freeze()
        try:
            for sidecar in (first, second):
                wait_until(
                    lambda sidecar=sidecar: "etcd" in str(sidecar.get("/alerts")[1]["problem"]),  # type: ignore[misc]
                    timeout=LONG, what="etcd is away",
                )  # fmt: skip
            webhook.refuses = True
            standby.stop()
            wait_until(lambda: other.get("/alerts")[1]["unsent"], timeout=LONG, what="it is raised")
            time.sleep(2)
            webhook.refuses = False
            webhook.wait_for("raised", "standby_down:pg2")
        finally:
            etcd.thaw()
        wait_until(agreed, timeout=LONG, what="one alerter")
        standby.start()
        webhook.wait_for("cleared", "standby_down:pg2")
        assert webhook.heard() == [("raised", "standby_down:pg2"), ("cleared", "standby_down:pg2")]
        webhook.forget()

        # A primary that is down mutes its standbys, which it takes along.
        primary = own_cluster.servers["pg1"]
        primary.stop()
        webhook.wait_for("raised", "primary_down")
        primary.start()
        webhook.wait_for("cleared", "primary_down")
        for sidecar in (first, second):
            sidecar.wait_for_synchronous_replica("pg2")
        assert webhook.heard() == [("raised", "primary_down"), ("cleared", "primary_down")]
        webhook.forget()

        # Silenced, it is shown and not told; the silence ended, it is told.
        assert run(first, "silence", "standby_down", "2h")[0] == 0
        standby.stop()
        wait_until(
            lambda: (shown(second, "standby_down:pg2") or {}).get("silenced_until"),
            timeout=LONG, what="it is shown as silenced",
        )  # fmt: skip
        code, text = run(second, "list")
        assert (code, "standby_down:pg2: pg2 is gone" in text) == (1, True), text
        assert run(second, "test")[1].startswith("ok    json ")
        webhook.wait_for("test", "")
        assert not [one for one in webhook.heard() if one[0] != "test"]
        assert run(second, "unsilence", "standby_down")[0] == 0
        webhook.wait_for("raised", "standby_down:pg2")
        # One that is gone for good is forgotten, and with it the alert.
        own_cluster.etcd.delete(f"/service/{SCOPE}/members/pg2")
        wait_until(lambda: not (second.document() or {})["replicas"], timeout=LONG, what="gone")
        assert run(first, "forget", "pg2")[0] == 0
        webhook.wait_for("cleared", "standby_down:pg2")
        for sidecar in (first, second):
            assert "do-not-tell" not in sidecar.process.log_text()
