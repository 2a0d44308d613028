"""Judging what servers say about themselves."""

from typing import Any

import pytest

from ha_setup.cluster.health import parse_servers_up, postgres_cluster, redis_info


def member(name: str, role: str, state: str = "streaming", timeline: int = 3) -> dict[str, Any]:
    return {"name": name, "role": role, "state": state, "timeline": timeline}


HEALTHY = [
    member("pg1", "leader", "running"),
    member("pg2", "sync_standby"),
    member("pg3", "replica"),
]


def test_one_leader_with_streaming_replicas_is_healthy() -> None:
    assert postgres_cluster(HEALTHY, 3, synchronous=True) is None


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([], "0 of 3 members"),
        (HEALTHY[:2], "2 of 3 members"),
        ([member("pg1", "replica"), *HEALTHY[1:]], "no running leader"),
        ([member("pg1", "leader", "starting"), *HEALTHY[1:]], "no running leader"),
        ([HEALTHY[0], member("pg2", "leader", "running"), HEALTHY[2]], "no running leader"),
        ([*HEALTHY[:2], member("pg3", "replica", "start failed")], "pg3 is start failed"),
        ([*HEALTHY[:2], member("pg3", "replica", timeline=2)], "pg3 is on timeline 2, not 3"),
        ([HEALTHY[0], member("pg2", "replica"), HEALTHY[2]], "no synchronous replica"),
    ],
)
def test_what_is_not_right_is_told(members: list[dict[str, Any]], told: str) -> None:
    answer = postgres_cluster(members, 3, synchronous=True)
    assert answer is not None
    assert told in answer


def test_without_synchronous_replication_no_replica_need_be_synchronous() -> None:
    assert (
        postgres_cluster([HEALTHY[0], member("pg2", "replica"), HEALTHY[2]], 3, synchronous=False)
        is None
    )


def test_info_of_redis_is_parsed() -> None:
    info = redis_info(
        "# Replication\r\nrole:master\r\nconnected_slaves:2\r\nslave0:ip=a,port=1\r\n"
    )
    assert info["role"] == "master"
    assert info["connected_slaves"] == "2"


def test_servers_that_the_balancer_holds_for_up() -> None:
    def row(backend: str, server: str, status: str) -> str:
        return ",".join([backend, server, *[""] * 15, status, ""])

    text = "\n".join(
        [
            "# pxname,svname",
            row("suite_odoo", "odoo1", "UP"),
            row("suite_odoo", "odoo2", "DOWN"),
            row("suite_odoo", "BACKEND", "UP"),
            row("stock_odoo", "odoo2", "UP 1/3"),
        ]
    )
    assert parse_servers_up(text, "suite_odoo") == {"odoo1"}
    assert parse_servers_up(text, "stock_odoo") == {"odoo2"}
