"""What a planned switchover refuses, judged from facts alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ha_sidecar.cluster import (
    Answer,
    ClusterView,
    Hold,
    Member,
    ReplicaLag,
    Switchover,
    SyncMode,
)
from ha_sidecar.switchover import preflight
from ha_sidecar.switchover.outcome import Outcome, Report
from ha_sidecar.switchover.preflight import CandidateFacts, OpenTransaction, PrimaryFacts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PG1, PG2, PG3 = (
    Member(f"pg{n}", f"10.0.0.{n}", 5432, api_url=f"http://10.0.0.{n}:8008") for n in (1, 2, 3)
)
VIEW = ClusterView("pg1", (PG1, PG2, PG3), "7000")
STREAMS = ReplicaLag("0/1", 0, 0.0, "async")
LAGS = {"pg2": replace(STREAMS, lag_bytes=100), "pg3": STREAMS}
PRIMARY = Answer(False, "7000", 4, "0/1")
LONG = OpenTransaction(17, "odoo", "production", "report", "10.0.0.5", "active", 61.0)
FACTS = PrimaryFacts(PRIMARY, LAGS, True, True, frozenset({"10.0.0.5"}), ())


def test_a_settled_cluster_is_fit() -> None:
    assert preflight.of_view(VIEW, NOW) == []
    assert preflight.of_primary("pg1", FACTS, VIEW, force=False) == []
    assert preflight.choose(VIEW, LAGS, None) == (PG3, [])
    assert preflight.choose(VIEW, LAGS, "pg2") == (PG2, [])
    assert preflight.of_candidate("pg2", CandidateFacts(True, "7000", 4), PRIMARY) == []
    assert preflight.of_patroni("pg1", {"state": "running", "role": "primary"}, leads=True) == []
    assert preflight.of_patroni("pg2", {"state": "running", "role": "replica"}, leads=False) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"members": ()}, "namespace"),
        ({"leader": None}, "no leader"),
        ({"leader": "pg9"}, "pg9"),
        ({"members": (replace(PG1, api_url=None), PG2)}, "REST address"),
        ({"system_identifier": None}, "initialized"),
        ({"paused": True}, "patronictl resume"),
        ({"switchover": Switchover("pg1", "pg2")}, "is under way"),
        ({"switchover": Switchover("pg1", None, NOW + timedelta(hours=1))}, "is scheduled for"),
        ({"hold": Hold("pg1", "pg2", "ann@ops")}, "ann@ops"),
    ],
)
def test_a_view_that_is_refused(changes: dict[str, object], word: str) -> None:
    (reason,) = preflight.of_view(replace(VIEW, **changes), NOW)  # type: ignore[arg-type]
    assert word in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"answer": Answer(True, "7000")}, "in recovery"),
        ({"answer": replace(PRIMARY, system_identifier="8")}, "system identifier"),
        ({"may_see_all": False}, "pg_monitor"),
        ({"sidecars": frozenset()}, "no sidecar"),
        ({"open": (LONG,)}, "pid 17, odoo@production (report) from 10.0.0.5"),
    ],
)
def test_a_primary_that_is_refused(changes: dict[str, object], word: str) -> None:
    facts = replace(FACTS, **changes)  # type: ignore[arg-type]
    assert word in preflight.of_primary("pg1", facts, VIEW, force=False)[0]


def test_force_is_for_transactions_and_missing_sidecars_alone() -> None:
    facts = replace(FACTS, open=(LONG,), sidecars=frozenset())
    assert preflight.of_primary("pg1", facts, VIEW, force=True) == []
    assert preflight.of_primary("pg1", replace(facts, may_see_all=False), VIEW, force=True) != []


def test_a_short_transaction_is_left_to_end_by_itself() -> None:
    facts = replace(FACTS, open=(replace(LONG, age=9.9),))
    assert preflight.of_primary("pg1", facts, VIEW, force=False) == []


@pytest.mark.parametrize(
    ("view", "lags", "wanted", "word"),
    [
        (VIEW, LAGS, "pg1", "primary already"),
        (VIEW, LAGS, "pg9", "candidates are: pg2, pg3"),
        (replace(VIEW, members=(PG1,)), {}, None, "only member"),
        (VIEW, {}, "pg2", "doesn't stream from pg1"),
        (VIEW, LAGS | {"pg2": replace(STREAMS, lag_bytes=2**25)}, "pg2", "behind"),
        (VIEW, LAGS | {"pg2": replace(STREAMS, lag_bytes=None)}, "pg2", "behind"),
        (replace(VIEW, sync_mode=SyncMode.ON), LAGS, "pg2", "synchronous"),
        (replace(VIEW, members=(PG1, replace(PG2, nofailover=True))), LAGS, None, "nofailover"),
        (replace(VIEW, members=(PG1, replace(PG2, api_url=None))), LAGS, None, "REST address"),
    ],
)
def test_candidates_that_are_refused(
    view: ClusterView, lags: dict[str, ReplicaLag], wanted: str | None, word: str
) -> None:
    chosen, (reason,) = preflight.choose(view, lags, wanted)
    assert chosen is None
    assert word in reason


def test_with_synchronous_mode_the_fittest_is_a_synchronous_one() -> None:
    view = replace(VIEW, sync_mode=SyncMode.ON, sync_names=frozenset({"pg2"}))
    assert preflight.choose(view, LAGS, None) == (PG2, [])


@pytest.mark.parametrize(
    "facts",
    [
        CandidateFacts(True, "8", 4),
        CandidateFacts(False, "7000", 4),
        CandidateFacts(True, "7000", 3),
        CandidateFacts(True, "7000", None),
    ],
)
def test_a_candidate_that_says_otherwise_of_itself(facts: CandidateFacts) -> None:
    assert preflight.of_candidate("pg2", facts, PRIMARY) != []


@pytest.mark.parametrize(
    "node",
    [
        {"state": "starting", "role": "primary"},
        {"state": "running", "role": "replica"},
        {"state": "running", "role": "primary", "pause": True},
    ],
)
def test_a_patroni_that_says_otherwise(node: dict[str, object]) -> None:
    assert preflight.of_patroni("pg1", node, leads=True) != []


def test_only_the_oldest_transactions_are_named() -> None:
    many = [replace(LONG, pid=pid, age=float(pid)) for pid in range(1, 9)]
    text = preflight.named(many)
    assert text.startswith("pid 8,")
    assert text.endswith("and 3 more")


def test_report_for_scripts() -> None:
    report = Report(Outcome.SWITCHED, "demo", "pg1", "pg2", 3, 1.25)
    assert report.for_scripts() == {
        "outcome": "switched", "scope": "demo", "from": "pg1", "to": "pg2", "timeline": 3,
        "held_s": 1.25, "reasons": (),
    }  # fmt: skip
