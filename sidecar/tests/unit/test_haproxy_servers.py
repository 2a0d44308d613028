"""Which commands an HAProxy's backend needs, for every state its servers can be found in."""

from __future__ import annotations

import itertools

import pytest

from ha_sidecar.actors.haproxy.servers import (
    OTHER,
    PRIMARY,
    Condition,
    Server,
    commands,
    servers_of,
)
from ha_sidecar.errors import ActorError

#: HAProxy 2.6's own words, one server up and one down with a session.
STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight\
 srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state\
 srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl\
 srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 b 1 pg1 10.0.0.1 2 0 1 1 1 15 3 4 6 0 0 0 - 5432 - 0 8008 - - 8008
3 b 2 pg2 10.0.0.2 0 0 1 1 0 17 2 0 6 0 0 0 - 5432 - 0 8008 - - 8008
3 b 3 pg3 10.0.0.3 2 1 1 1 0 17 2 0 6 0 0 0 - 5432 - 0 8008 - - 8008

"""
STAT = """# pxname,svname,qcur,qmax,scur,smax,last_chk,
b,pg1,0,0,5,9,"a ""quoted"" word, with a comma",
b,pg2,0,0,1,9,,
b,pg3,0,0,0,9,,

"""


def server(name: str, condition: Condition, *, host: int, port: int = 5432) -> Server:
    return Server(name, f"10.0.0.{host}", port, checked=True, condition=condition)


def test_reads_what_haproxy_says() -> None:
    assert [(each.name, each.condition) for each in servers_of(STATE, STAT)] == [
        ("pg1", Condition.UP),
        ("pg2", Condition.IN_USE),
        ("pg3", Condition.MAINTENANCE),
    ]
    assert all(each.checked for each in servers_of(STATE, STAT))


@pytest.mark.parametrize(
    "answer", ["", "nonsense", "1\n# srv_name\npg1\n", STATE.replace(" 2 0 1", " x 0 1")]
)
def test_what_cannot_be_read_is_an_error(answer: str) -> None:
    with pytest.raises(ActorError, match="unexpected answer"):
        servers_of(answer, STAT)


def test_every_condition_has_a_row() -> None:
    assert set(PRIMARY) == set(OTHER) == set(Condition)


@pytest.mark.parametrize(("one", "two"), list(itertools.product(Condition, repeat=2)))
def test_the_primary_is_raised_before_any_other_is_lowered(one: Condition, two: Condition) -> None:
    found = [server("old", one, host=1), server("new", two, host=2)]
    wanted = commands("b", found, "10.0.0.2", 5432)
    assert "set server b/new health down" not in wanted
    assert "shutdown sessions server b/new" not in wanted
    assert "set server b/old health up" not in wanted
    if two in (Condition.DOWN, Condition.RISING, Condition.IN_USE, Condition.FAILING):
        assert wanted[0] == "set server b/new health up"
    if one in (Condition.UP, Condition.RISING, Condition.FAILING):
        assert wanted[-2:] == ["set server b/old health down", "shutdown sessions server b/old"]
    if Condition.MAINTENANCE in (one, two):
        kept = "old" if one is Condition.MAINTENANCE else "new"
        assert not [line for line in wanted if f"b/{kept}" in line]


def test_nothing_to_do_once_it_is_right() -> None:
    found = [server("old", Condition.DOWN, host=1), server("new", Condition.UP, host=2)]
    assert commands("b", found, "10.0.0.2", 5432) == []


def test_a_primary_that_is_not_there_changes_nothing() -> None:
    found = [server("old", Condition.UP, host=1)]
    with pytest.raises(ActorError, match=r"no server\(s\) of b have the primary's address"):
        commands("b", found, "10.0.0.2", 5432)


def test_another_port_of_the_primarys_host_is_its_pooler() -> None:
    found = [server("old", Condition.UP, host=1, port=6432)]
    found.append(server("new", Condition.DOWN, host=2, port=6432))
    assert commands("b", found, "10.0.0.2", 5432)[0] == "set server b/new health up"
    found.append(server("twin", Condition.DOWN, host=2, port=6433))
    with pytest.raises(ActorError, match="2 server"):
        commands("b", found, "10.0.0.2", 5432)


def test_a_server_without_checks_is_refused() -> None:
    found = [server("new", Condition.UP, host=2)]
    found.append(Server("bare", "10.0.0.1", 5432, checked=False, condition=Condition.UP))
    with pytest.raises(ActorError, match="b/bare has no health check"):
        commands("b", found, "10.0.0.2", 5432)
