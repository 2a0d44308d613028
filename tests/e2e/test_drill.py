"""Short drills on the real cluster: what users notice of a fault is a pause, and nothing else."""

from __future__ import annotations

import os

import pytest

from ha_setup.cluster import Cluster
from ha_setup.drill import DrillOptions, Fault, RunResult, run
from ha_setup.drill.options import FAULTS, lacks
from ha_setup.errors import ClusterError
from ha_setup.progress import Progress

# Killed just after the proof, and then both of them; the other ways are for `odoo-ha drill all`.
FIRST = {Fault.KILL_SIDECAR: 3}
# Two faults at once, each of which is here by itself; and what has a test of its own.
LEFT_OUT = {Fault.KILL_REDIS_AND_PRIMARY, Fault.LAGGING_REPLICAS, Fault.ROLLOUT}


def short(fault: Fault, *, first: int = 0, sync: bool = True) -> DrillOptions:
    return DrillOptions(fault=fault, first=first, sync=sync, steady=3.0, after=3.0)


def carry_out(cluster: Cluster, options: DrillOptions, progress: Progress) -> RunResult:
    """One run. A switchover that a busy machine's requests called off changed nothing, and is made again."""
    for _ in range(2):
        try:
            return run(cluster, options, progress)[0]
        except ClusterError as problem:
            if "didn't end within" not in str(problem):
                raise
    return run(cluster, options, progress)[0]


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in LEFT_OUT])
def test_users_notice_a_pause_and_nothing_else(
    cluster: Cluster, progress: Progress, fault: Fault, number: int
) -> None:
    if lacks(cluster.layout, fault):
        pytest.skip(FAULTS[fault].needs_words)
    primary = cluster.primary()
    first = FIRST.get(fault, 0) + number
    result = carry_out(cluster, short(fault, first=first), progress)
    assert (result.verdict, result.notes if not result.passed else []) == ("pass", [])
    noticed = (result.logouts, result.lost_acknowledged, result.duplicates, result.ghosts)
    assert noticed == (0, 0, 0, 0)
    if not fault.ails_s3:  # where a clear error for an attachment is what was promised
        assert result.failed_requests == 0
    assert not any("done to 0 answers" in note for note in result.notes)
    # The load was there and the fault was real.
    assert result.writes_acknowledged > 10
    assert (result.promoted_at is not None) == fault.moves_primary
    if fault.moves_primary and fault is not Fault.DOUBLE_FAILOVER:
        assert cluster.primary() != primary


def test_what_is_lost_without_synchronous_replication_lies_beyond_the_switch(
    cluster: Cluster, progress: Progress
) -> None:
    result = carry_out(cluster, short(Fault.LAGGING_REPLICAS, sync=False), progress)
    assert (result.verdict, result.notes if not result.passed else []) == ("pass", [])
    assert result.lost_acknowledged > 0, "nothing was lost, so nothing was proven"
    noticed = (result.lost_before_switch, result.logouts, result.duplicates, result.ghosts)
    assert noticed == (0, 0, 0, 0)


@pytest.mark.skipif(not os.environ.get("HA_TEST_LONG"), reason="HA_TEST_LONG isn't set")
def test_a_rollout_fails_no_request_and_sends_none_again(
    cluster: Cluster, progress: Progress
) -> None:
    result = carry_out(cluster, short(Fault.ROLLOUT), progress)
    assert (result.verdict, result.failed_requests, result.logouts) == ("pass", 0, 0)
    assert any("2 nodes rolled out" in note for note in result.notes)


def test_a_switchover_through_pgbouncer_fails_no_request(
    pooled_cluster: Cluster, progress: Progress
) -> None:
    primary = pooled_cluster.primary()
    result = carry_out(pooled_cluster, short(Fault.SWITCHOVER), progress)
    assert (result.verdict, result.failed_requests) == ("pass", 0)
    assert result.writes_acknowledged > 10
    assert pooled_cluster.primary() != primary


def test_the_cluster_heals(cluster: Cluster) -> None:
    cluster.heal()
    assert cluster.is_up()
