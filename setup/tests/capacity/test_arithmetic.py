"""The arithmetic of capacity: known cases, and what always holds."""

from __future__ import annotations

import json
import math

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ha_setup.capacity.arithmetic import Demand, capacity, throughput
from ha_setup.cli import cli


def test_two_hundred_users() -> None:
    found = capacity(Demand(users=200))
    values = {line.what: line.value for line in found.lines}
    assert values["requests a second"] == 20
    assert values["workers at work"] == 3  # 20 × 0.15 s
    assert values["workers needed"] == 5
    assert values["processors needed"] == pytest.approx(5)  # (20 × 0.1 + 1) / 0.6
    # Two nodes of 4 processors must be up, so that there are three.
    assert (found.nodes, found.workers_per_node) == (3, 9)
    assert found.memory_mb_per_node == 11 * 300 + 1024
    assert found.max_connections == 3 * 14 * 4 + 50
    # 440 held; 3 × 4 processors do 120 a second.
    assert found.catch_up == pytest.approx(440 / 100)


def test_small_needs_two_nodes() -> None:
    found = capacity(Demand(users=5))
    assert (found.nodes, found.max_connections) == (2, 200)


demands = st.builds(
    Demand,
    users=st.integers(1, 20_000),
    busy=st.floats(0.05, 2),
    cpu=st.floats(0.001, 0.05),
    cron=st.integers(0, 8),
    cpus=st.integers(1, 64),
    utilisation=st.floats(0.1, 0.95),
)


@given(demands)
def test_without_one_node_the_rest_is_enough(demand: Demand) -> None:
    found = capacity(demand)
    rate = demand.users / demand.think
    left = found.nodes - 1
    most = throughput(left * found.workers_per_node, demand.busy, left * demand.cpus, demand.cpu)
    assert most * demand.utilisation >= rate * 0.999
    assert found.catch_up < math.inf
    assert found.max_connections >= found.nodes * found.pool_session


@given(demands)
def test_more_users_never_take_less(demand: Demand) -> None:
    more = Demand(**{**vars(demand), "users": demand.users * 2})
    assert capacity(more).nodes >= capacity(demand).nodes


def test_the_command_shows_each_line_and_refuses_nonsense() -> None:
    shown = CliRunner().invoke(cli, ["capacity", "--users", "200"], terminal_width=200)
    assert shown.exit_code == 0 and "workers at work" in shown.output, shown.output
    told = json.loads(CliRunner().invoke(cli, ["capacity", "--rate", "20", "--json"]).output)
    assert told["nodes"] == 3
    for words, said in (
        ([], "--users or --rate"),
        (["--users", "5", "--cpu", "1"], "part of busy"),
        (["--users", "5", "--utilisation", "2"], "between 0 and 1"),
    ):
        refused = CliRunner().invoke(cli, ["capacity", *words])
        assert refused.exit_code == 2 and said in refused.output
