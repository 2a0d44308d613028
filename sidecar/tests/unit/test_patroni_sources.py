"""What Patroni writes into etcd, and answers over HTTP, as a view. Samples from Patroni 4.1."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ha_sidecar.cluster import Hold, Member, Switchover, SyncMode
from ha_sidecar.errors import SourceError
from ha_sidecar.patroni_keys import view_from_keys
from ha_sidecar.patroni_rest import most_recent, view_from_rest

PG1 = {
    "conn_url": "postgres://10.0.0.11:5432/postgres",
    "api_url": "http://10.0.0.11:8008/patroni",
    "state": "running",
    "role": "primary",
    "version": "4.1.0",
    "xlog_location": 50331744,
    "timeline": 3,
}
PG2 = PG1 | {
    "conn_url": "postgres://[fd00::12]/postgres",
    "role": "replica",
    "replication_state": "streaming",
    "replay_lsn": 4345298944,
}
KEYS = {
    "leader": "pg1",
    "initialize": "7432164532133",
    "config": json.dumps({"ttl": 20, "synchronous_mode": True}),
    "sync": json.dumps({"leader": "pg1", "sync_standby": "pg2, pg3", "quorum": 0}),
    "members/pg1": json.dumps(PG1),
    "members/pg2": json.dumps(PG2),
    "status": json.dumps({"optime": 50331744}),
    "history": "[]",
}


def test_keys_become_a_view() -> None:
    view = view_from_keys(KEYS)
    assert view.leader == "pg1"
    assert view.system_identifier == "7432164532133"
    assert view.sync_mode is SyncMode.ON
    assert view.sync_names == {"pg2", "pg3"}
    assert view.switchover is None
    assert not view.paused
    assert view.members == (
        Member(
            "pg1", "10.0.0.11", 5432, "primary", "running", 3, "0/3000060", "http://10.0.0.11:8008"
        ),
        Member(
            "pg2", "fd00::12", 5432, "replica", "streaming", 3, "1/3000000", "http://10.0.0.11:8008"
        ),
    )


@pytest.mark.parametrize(
    ("tags", "barred"),
    [({}, False), ({"nofailover": True}, True), ({"failover_priority": 0}, True), ("?", False)],
)
def test_members_that_patroni_never_promotes(tags: object, barred: bool) -> None:
    (member,) = view_from_keys({"members/pg2": json.dumps(PG2 | {"tags": tags})}).members
    assert member.nofailover is barred


@pytest.mark.parametrize("value", ["", "[]", "{}", '{"leader": "pg1"}', '{"candidate": 1}'])
def test_hold_that_can_not_be_read_holds_nothing(value: str) -> None:
    assert view_from_keys(KEYS | {"odoo_ha_hold": value}).hold is None


def test_hold() -> None:
    value = json.dumps({"leader": "pg1", "candidate": "pg2", "by": "ann@ops"})
    assert view_from_keys({"odoo_ha_hold": value}).hold == Hold("pg1", "pg2", "ann@ops")


@pytest.mark.parametrize(
    ("config", "mode"),
    [
        ({}, SyncMode.OFF),
        ({"synchronous_mode": "on"}, SyncMode.ON),
        ({"synchronous_mode": True, "synchronous_mode_strict": True}, SyncMode.STRICT),
        ({"synchronous_mode": "quorum"}, SyncMode.QUORUM),
        ({"synchronous_mode": False, "synchronous_mode_strict": True}, SyncMode.OFF),
    ],
)
def test_sync_modes(config: dict[str, object], mode: SyncMode) -> None:
    assert view_from_keys({"config": json.dumps(config)}).sync_mode is mode


def test_announced_and_scheduled_switchovers() -> None:
    now = {"failover": json.dumps({"leader": "pg1", "member": "pg2"})}
    assert view_from_keys(now).switchover == Switchover("pg1", "pg2")
    planned = {
        "failover": json.dumps({"leader": "pg1", "scheduled_at": "2026-01-02T03:04:05+02:00"})
    }
    switchover = view_from_keys(planned).switchover
    assert switchover is not None
    assert switchover.scheduled_at == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert not switchover.is_due(datetime(2026, 1, 2, 1, 4, 4, tzinfo=UTC))
    assert switchover.is_due(datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC))
    assert view_from_keys({"failover": "{}"}).switchover is None
    zoneless = {"failover": json.dumps({"leader": "pg1", "scheduled_at": "2026-01-02T03:04:05"})}
    switchover = view_from_keys(zoneless).switchover
    assert switchover is not None
    assert switchover.is_due(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    "broken", ["", "null", "[]", "{", '{"conn_url": 5}', '{"conn_url": "postgres://h:x/"}']
)
def test_unreadable_values_count_as_absent(broken: str) -> None:
    keys = {"leader": "pg1", "members/pg1": broken, "config": broken, "sync": broken}
    view = view_from_keys(keys | {"failover": broken if "conn" not in broken else ""})
    assert view.leader == "pg1"
    assert view.members == ()


CLUSTER = {
    "members": [
        {"name": "pg1", "role": "leader", "state": "running", "host": "10.0.0.11", "port": 5432,
         "timeline": 3, "api_url": "http://10.0.0.11:8008/patroni"},
        {"name": "pg2", "role": "sync_standby", "state": "streaming", "host": "10.0.0.12",
         "port": 5432, "timeline": 3, "replay_lsn": 50331744, "lag": 0},
        {"name": "pg3", "role": "replica", "state": "stopped"},
    ],
    "scope": "demo",
}  # fmt: skip


def test_rest_answers_become_a_view() -> None:
    view = view_from_rest(CLUSTER, {"database_system_identifier": "7432164532133"}, {})
    assert view.leader == "pg1"
    assert view.system_identifier == "7432164532133"
    assert view.sync_mode is SyncMode.ON
    assert view.sync_names == {"pg2"}
    assert view.members[0] == Member("pg1", "10.0.0.11", 5432, "leader", "running", 3)
    assert [member.name for member in view.members] == ["pg1", "pg2"]
    strict = {"synchronous_mode": True, "synchronous_mode_strict": True}
    assert view_from_rest(CLUSTER, {}, strict).sync_mode is SyncMode.STRICT


def test_rest_without_leader_and_in_maintenance() -> None:
    members = [dict(each, role="replica") for each in CLUSTER["members"]]  # type: ignore[call-overload]
    view = view_from_rest({"members": members, "pause": True}, {}, {})
    assert view.leader is None
    assert view.paused


@pytest.mark.parametrize(
    "answer", [{}, {"members": 5}, {"members": [5]}, {"members": [{"host": "x"}]}]
)
def test_what_isnt_patroni_is_refused(answer: dict[str, object]) -> None:
    with pytest.raises(SourceError):
        view_from_rest(answer, {}, {})


def test_the_answer_with_the_highest_leader_timeline_counts() -> None:
    old = {"members": [{"name": "pg1", "role": "leader", "timeline": 3}]}
    new = {"members": [{"name": "pg2", "role": "leader", "timeline": 4}]}
    none = {"members": [{"name": "pg1", "role": "replica", "timeline": 9}]}
    assert most_recent({"a": old, "b": new, "c": none, "d": {}}) == "b"
    assert most_recent({}) is None
