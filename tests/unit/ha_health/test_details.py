"""The details have the form of draft-inadarei-api-health-check-06, and tell no more than they know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from odoo.addons.ha_health.details import Fact, Seen, details
from odoo.addons.ha_health.verdict import Lag, Look, Memory, Question, Status, Verdict

SCHEMA = json.loads(Path(__file__).with_name("health_check_06.schema.json").read_text())
NOW, CLOCK = 1000.0, 1_767_323_045.0
PRIMARY = Memory(Look(NOW - 0.5, "primary", writable=True), ready_once=True)
STANDBY = Memory(Look(NOW - 0.5, "standby", lag=Lag(512, 0.25)))
TOPOLOGY = {
    "version": 1,
    "state": "stable",
    "epoch": 17,
    "primary": {"name": "pg1", "timeline": 3},
    "replicas": [
        {
            "name": "pg2", "timeline": 3, "state": "streaming", "sync": True,
            "lag_bytes": 128, "lag_seconds": None,
        }
    ],
    "failover": {"candidates": ["pg2"], "data_loss": "none", "loss_bytes": 0},
    "observed_at": "2026-01-02T03:04:04.000000Z",
}  # fmt: skip
FACTS = {
    "workers:free": Fact(0, well=False, unit="workers"),
    "s3:cache": Fact(None, well=False, kind="datastore", reason="no space left"),
}


def body(**changed: Any) -> dict[str, Any]:
    known = {
        "memory": PRIMARY, "replica": STANDBY, "topology": TOPOLOGY, "facts": FACTS,
        "observed_at": NOW - 2.0, "own": {"sessions:hits": Fact(7, kind="datastore")}, "held": 3,
    }  # fmt: skip
    seen = Seen(**(known | changed))
    verdict = Verdict(Status.PASS, "the database is a primary")
    found = details(Question(), verdict, seen, "odoo1", NOW, CLOCK)
    return {"status": verdict.status.value, **found}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"topology": None},
        {"replica": None},
        {"memory": Memory(), "replica": Memory(), "facts": {}},
        {"topology": {**TOPOLOGY, "primary": None, "replicas": [], "state": "lost"}},
        # A sidecar of an earlier version says nothing of failovers.
        {"topology": {name: each for name, each in TOPOLOGY.items() if name != "failover"}},
    ],
)
def test_the_body_is_valid(changed: dict[str, Any]) -> None:
    jsonschema.validate(body(**changed), SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [{"status": "ok"}, {"status": "pass", "checks": {"a": {"status": "pass"}}}, {}],
)
def test_the_schema_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


def test_each_check_tells_its_age() -> None:
    checks = body()["checks"]
    assert all("time" in one and "ageSeconds" in one for group in checks.values() for one in group)
    ages = {name: group[0]["ageSeconds"] for name, group in checks.items()}
    assert ages["database:role"] == 0.5
    assert ages["workers:free"] == 2.0
    assert ages["replica:lag"] == 1.0
    assert checks["database:role"][0]["time"] == "2026-01-02T03:04:04.500+00:00"


def test_what_a_failover_would_cost() -> None:
    checks = body()["checks"]
    assert checks["failover:data_loss"][0]["status"] == "pass"
    assert checks["failover:candidates"][0]["observedValue"] == ["pg2"]
    alone = {"candidates": [], "data_loss": "no failover", "loss_bytes": None}
    checks = body(topology={**TOPOLOGY, "failover": alone})["checks"]
    assert checks["failover:candidates"][0]["status"] == "warn"
    assert checks["failover:data_loss"][0]["status"] == "warn"


def test_a_replica_s_own_lag() -> None:
    (replica,) = body()["checks"]["database:replica"]
    assert (replica["lagBytes"], replica["lagSeconds"], replica["status"]) == (512, 0.25, "pass")
    (gone,) = body(replica=Memory(Look(NOW, None)))["checks"]["database:replica"]
    assert gone["status"] == "warn"
