"""Alerts without effects: the checks that come along, and the rules of telling, at random."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ha_sidecar.alerts import decide
from ha_sidecar.alerts.checks import (
    DEFAULTS,
    Check,
    CheckError,
    check_from,
    checks_from,
    merged,
)
from ha_sidecar.alerts.decide import Message, State, Verdict, evaluate, step
from ha_sidecar.alerts.report import report
from ha_sidecar.alerts.shared import COURTESY, Sight, may_take, sight_from
from ha_sidecar.alerts.snapshot import EXAMPLE, remember, snapshot
from ha_sidecar.node import Answer, Facts, Switch
from ha_sidecar.node_watch import Sight as NodeSight

NOW = 1_800_000_000.0
SINCE = "2026-01-31T12:00:00.000000Z"
TOPOLOGY: dict[str, Any] = {
    "state": "stable", "source": "etcd", "since": SINCE, "sync_mode": "on",
    "primary": {"name": "pg1", "host": "10.0.0.1", "port": 5432, "timeline": 1,
                "system_identifier": "7"},
    "replicas": [{"name": "pg2", "host": "10.0.0.2", "port": 5432, "timeline": 1, "sync": True,
                  "state": "streaming", "streams": True, "lag_bytes": 0, "lag_seconds": 0.0}],
    "failover": {"candidates": ["pg2"], "data_loss": "none", "loss_bytes": 0},
}  # fmt: skip
REPORT: dict[str, Any] = {
    "proves": True, "serves": True, "status": "pass", "draining_since": None, "redis": True,
    "s3": True, "cron_leads": 1, "cron_unserved": 0, "certificates": [],
}  # fmt: skip
LOST = {**TOPOLOGY, "state": "lost", "primary": None, "replicas": []}


def raised(
    topology: dict[str, Any] | None = TOPOLOGY,
    *,
    trusted: bool = True,
    later: float = 0.0,
    **reports: dict[str, Any],
) -> set[str]:
    """The alerts whose conditions hold, with pg1, pg2, odoo1 and odoo2 known."""
    told = {"odoo1": REPORT, "odoo2": REPORT} | reports
    here = {name: one for name, one in told.items() if one}
    known = remember(
        remember({}, TOPOLOGY, {"odoo1": REPORT, "odoo2": REPORT}, NOW), topology, here, NOW
    )
    state = snapshot(topology, here, known, alerter="odoo1", trusted=trusted, now=NOW + later)
    return {one.alert for one in evaluate(DEFAULTS, state) if one.holds}


def test_all_well_raises_nothing() -> None:
    assert raised() == set()


def test_every_default_check_can_be_read_and_evaluated() -> None:
    assert checks_from([one.for_json() for one in DEFAULTS]) == DEFAULTS
    verdicts = evaluate(DEFAULTS, EXAMPLE)
    assert {one.check.id for one in verdicts} == {one.id for one in DEFAULTS}
    assert not [one for one in verdicts if one.holds is not False]


def test_each_fault_has_its_own_message() -> None:
    down = {**REPORT, "proves": False}
    assert raised(LOST, odoo1=down, odoo2=down) == {"primary_down"}
    # One sidecar that is cut off knows less than one that proves.
    assert raised(LOST, odoo1=down) == set()
    replica = {**TOPOLOGY["replicas"][0], "streams": False, "lag_bytes": None, "lag_seconds": None}
    nobody = {"candidates": [], "data_loss": "no failover", "loss_bytes": None}
    one_down = {**TOPOLOGY, "replicas": [replica], "failover": nobody}
    assert raised(one_down) == {"standby_down:pg2", "no_candidate"}
    assert raised({**TOPOLOGY, "replicas": [], "failover": nobody}) == {
        "standby_down:pg2", "no_candidate"
    }, "gone from etcd, still missed"  # fmt: skip
    lagging = {**TOPOLOGY["replicas"][0], "lag_seconds": 31.0}
    assert raised({**TOPOLOGY, "replicas": [lagging]}) == {"standby_lags:pg2"}
    lossy = {**TOPOLOGY["failover"], "data_loss": "likely", "loss_bytes": 1 << 30}
    assert raised({**TOPOLOGY, "failover": lossy}) == {"failover_loses_data"}
    assert raised(odoo2={**REPORT, "redis": False}) == {"redis_down"}
    assert raised(odoo2={**REPORT, "s3": False}) == {"s3_down"}
    idle = {**REPORT, "cron_leads": 0}
    assert raised(odoo2=idle) == set()
    assert raised(odoo1=idle, odoo2=idle) == {"no_cron_leader"}
    assert raised(odoo1={**REPORT, "cron_unserved": 1}) == {"pool_without_node"}
    assert raised(odoo2={**REPORT, "draining_since": NOW - 1801, "serves": False}) == {
        "node_draining_too_long:odoo2"
    }
    assert raised(odoo2={**REPORT, "serves": False}) == {"node_down:odoo2"}
    # Its sidecar is gone: whether its Odoo serves and leads isn't known.
    assert raised(odoo2={}) == {"node_gone:odoo2"}
    assert raised(odoo1=idle, odoo2={}) == {"node_gone:odoo2"}
    assert raised(odoo1=idle, odoo2={}, later=300.0) == {"node_gone:odoo2", "no_cron_leader"}
    old = [{"name": "/etc/c.pem", "expires": NOW + 13 * 86_400}]
    found = raised(odoo1={**REPORT, "certificates": old}, odoo2={**REPORT, "certificates": old})
    assert found == {"certificate_expires:/etc/c.pem"}, "once, though both see it"
    assert raised({**TOPOLOGY, "source": "sql"}) == {"election_not_followed"}


def test_a_switchover_needs_no_new_checks() -> None:
    """pg2 leads now, pg1 is its standby: in the first 20 s it may still be looking for pg2."""
    standby = {**TOPOLOGY["replicas"][0], "name": "pg1", "streams": False}
    nobody = {"candidates": [], "data_loss": "no failover", "loss_bytes": None}
    after = {
        **TOPOLOGY, "primary": {**TOPOLOGY["primary"], "name": "pg2"}, "replicas": [standby],
        "failover": nobody, "since": "2027-01-15T07:59:50.000000Z",
    }  # fmt: skip
    assert raised(after) == set()
    assert raised({**after, "since": SINCE}) == {"standby_down:pg1", "no_candidate"}


def test_while_etcd_is_away_others_facts_are_unknown() -> None:
    assert raised(trusted=False, odoo2={**REPORT, "redis": False, "s3": False}) == set()
    assert raised(trusted=False, odoo2={}, odoo1={**REPORT, "cron_leads": 0}) == {"node_gone:odoo2"}
    assert raised(trusted=False, odoo1={**REPORT, "redis": False}) == {"redis_down"}


def check(name: str = "a", **fields: Any) -> Check:
    return replace(Check(name, "True", "text", raise_after=3.0, clear_after=3.0), **fields)


def verdict(of: Check, holds: bool | None) -> Verdict:
    return Verdict(of.id, of, holds, "text")


def told(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(one.kind, one.alert) for one in messages]


def test_an_alert_arrives_once_and_clears_once() -> None:
    state, one, messages = State(), check(), []
    for second, holds in enumerate([True] * 6 + [None] * 9 + [False] * 2 + [True] + [False] * 9):
        # Whoever goes on reads it from etcd.
        state = decide.from_json(json.loads(json.dumps(decide.to_json(state))))
        state, news = step(state, [verdict(one, holds)], {}, NOW + second)
        messages += [(second, *each) for each in told(news)]
    assert messages == [(3, "raised", "a"), (21, "cleared", "a")]
    assert [one.kind for one in state.outbox] == ["raised", "cleared"]
    assert decide.sent(state, [1, 2]).outbox == ()
    assert not state.alerts


def test_a_primary_that_is_down_mutes_its_standbys() -> None:
    primary, standby = check("primary"), check("standby", muted_by=("primary",))
    state, messages = State(), []
    for second in range(30):
        down = second < 10
        found = [verdict(primary, down), verdict(standby, second < 11 or second >= 20)]
        state, news = step(state, found, {}, NOW + second)
        messages += [(second, *each) for each in told(news)]
    assert messages == [(3, "raised", "primary"), (13, "cleared", "primary"),
                        (23, "raised", "standby")]  # fmt: skip


def test_a_silence_ends() -> None:
    state, one = State(), check()
    for second in range(20):
        state, news = step(state, [verdict(one, True)], {"a": NOW + 10}, NOW + second)
        assert told(news) == ([("raised", "a")] if second == 10 else []), second


def test_a_check_that_is_gone_clears_its_alert() -> None:
    state, _ = step(State(), [verdict(check(raise_after=0.0), True)], {}, NOW)
    state, news = step(state, [], {}, NOW + 1)
    assert told(news) == [("cleared", "a")]


HOLDS = some.sampled_from([True, True, False, None, "gone"])


@settings(max_examples=300)
@given(
    some.lists(some.tuples(some.tuples(HOLDS, HOLDS, HOLDS), some.booleans(), some.floats(0.1, 5)),
               max_size=40)
)  # fmt: skip
def test_at_random_no_rule_is_broken(story: list[tuple[tuple[Any, Any, Any], bool, float]]) -> None:
    """``step`` checks the invariants; here the whole story is judged again, from outside."""
    checks = [check("a"), check("b", muted_by=("a",)), check("c", raise_after=0.0, muted_by=("b",))]
    state, now, held_since, heard = State(), NOW, {}, dict[str, str]()
    for holds, silenced, pause in story:
        now += pause
        silences = {"b": now + 1} if silenced else {}
        found = [verdict(one, is_so) for one, is_so in zip(checks, holds, strict=True)
                 if is_so != "gone"]  # fmt: skip
        for one, is_so in zip(checks, holds, strict=True):
            if is_so is True:
                held_since.setdefault(one.id, now)
        state, news = step(state, found, silences, now)
        for message in news:
            assert heard.get(message.alert, "cleared") != message.kind
            heard[message.alert] = message.kind
            if message.kind == "raised":
                assert not (silenced and message.alert == "b")
                wait = next(one.raise_after for one in checks if one.id == message.alert)
                assert now - held_since[message.alert] >= wait
        # A condition that is gone for good starts anew.
        held_since = {name: at for name, at in held_since.items() if name in state.alerts}
        numbers = [one.number for one in state.outbox]
        assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "Redis Down"}, "should be a word"),
        ({"severity": "bad"}, "severity should be one of critical, warning, info"),
        ({"expression": "replica.lag > 3"}, "replica has no lag; it has"),
        ({"expression": "import os"}, "expression: it is no expression"),
        ({"expression": "primery"}, "there is no primery; there are alerter"),
        ({"each": "", "expression": "replica.streams"}, "there is no replica;"),
        ({"message": "{replica.nam}"}, "message: {replica.nam}"),
        ({"raise_after": -1}, "raise_after should be seconds"),
        ({"each": "pool"}, "each should be empty or one of replica, node, certificate"),
        ({"color": 1}, "there is no field color"),
        ({"muted_by": "a"}, "muted_by should be a list"),
    ],
)
def test_a_wrong_check_is_refused_with_the_reason(change: dict[str, Any], reason: str) -> None:
    good = DEFAULTS[1].for_json()
    assert check_from(good).id == "standby_down"
    with pytest.raises(CheckError) as refused:
        check_from({**good, **change})
    assert reason in str(refused.value)


def test_own_checks_replace_and_disable() -> None:
    own = replace(DEFAULTS[2], expression="replica.lag_seconds > 5")
    found = {one.id: one for one in merged([own, check("mine")], ["redis_down"])}
    assert found["standby_lags"].expression == "replica.lag_seconds > 5"
    assert "mine" in found
    assert "redis_down" not in found


def test_who_takes_the_alerts() -> None:
    def may(sight: Sight, *, was: bool = False, seconds: float = 0.0) -> bool:
        return may_take(sight, "odoo1", was_alerter=was, contact_seconds=seconds)

    assert may(Sight(contact=True))
    assert may(Sight(state={"alerter": "odoo1"}))
    assert may(Sight(state={"alerter": "odoo2"}), was=True)
    assert not may(Sight(state={"alerter": "odoo2"}), seconds=1.0)
    assert may(Sight(state={"alerter": "odoo2"}), seconds=COURTESY)
    assert not may(Sight(alerter="odoo2"), was=True, seconds=99.0)


def test_keys_that_cannot_be_read_count_as_absent() -> None:
    sight = sight_from(
        {"state": "{", "alerter": "[]", "nodes/a": "{}", "nodes/b": "x", "silences/a": "1"}
    )
    assert (sight.state, sight.alerter, dict(sight.reports), dict(sight.silences)) == (
        None, None, {"a": {}}, {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("leads", "switch", "current", "told_leads"),
    [
        (2, Switch.OFF, True, 2),
        (2, Switch.DRAIN, True, 0),
        (2, Switch.OFF, False, 0),
        (None, Switch.DRAIN, True, None),
        (None, Switch.OFF, False, None),
    ],
)
def test_a_node_that_is_drained_or_gone_leads_nothing(
    leads: int | None, switch: Switch, current: bool, told_leads: int | None
) -> None:
    answer = Answer(0.0, "pass", facts=Facts(redis=True, cron_leads=leads))
    seen = NodeSight(answer, switch, 5.0 if switch is not Switch.OFF else None)
    found = report(
        seen, asked=True, current=current, status="pass", topology=TOPOLOGY, certificates=()
    )
    assert found["cron_leads"] == told_leads
    assert found["redis"] is (True if current else None)
    assert found["draining_since"] == (5 if switch is not Switch.OFF else None)
