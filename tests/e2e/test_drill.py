"""Short drills on the real cluster: what users notice of a fault is a pause, and nothing else."""

from __future__ import annotations

import pytest

from ha_setup.cluster import Cluster
from ha_setup.drill import DrillOptions, Fault, RunResult, run
from ha_setup.drill.options import FAULTS, lacks
from ha_setup.progress import Progress

# Patroni's shortest lease is 20 s. What waits for its end, or takes as long by itself, is run once here, to
# keep the whole short; `odoo-ha drill all` runs it as often as one likes.
ONCE = {
    Fault.KILL_PRIMARY,
    Fault.FREEZE_PRIMARY,
    Fault.DROP_PRIMARY,
    Fault.DOUBLE_FAILOVER,
    Fault.FREEZE_PATRONI,
    Fault.OLD_PRIMARY_RETURNS,
    Fault.ETCD_QUORUM_LOSS,
    Fault.KILL_ODOO_NODE,
    Fault.KILL_REDIS_MASTER,
    Fault.KILL_ALL_REDIS,
    Fault.STOP_S3,
}
FIRST = {Fault.KILL_SIDECAR: 3}  # killed just after the proof, and then both of them


def drill(cluster: Cluster, progress: Progress, fault: Fault) -> list[RunResult]:
    if lacks(cluster.layout, fault):
        pytest.skip(FAULTS[fault].needs_words)
    options = DrillOptions(
        fault=fault,
        first=FIRST.get(fault, 0),
        runs=1 if fault in ONCE else 2,
        steady=3.0,
        after=3.0,
    )
    return run(cluster, options, progress)


@pytest.mark.parametrize("fault", list(Fault))
def test_users_notice_a_pause_and_nothing_else(
    cluster: Cluster, progress: Progress, fault: Fault
) -> None:
    primary = cluster.primary()
    results = drill(cluster, progress, fault)
    assert [(r.verdict, r.notes) for r in results if not r.passed] == []
    for result in results:
        noticed = (result.logouts, result.lost_acknowledged, result.duplicates, result.ghosts)
        assert noticed == (0, 0, 0, 0)
        if fault is not Fault.STOP_S3:  # where a clear error for an attachment is what was promised
            assert result.failed_requests == 0
        # The load was there and the fault was real.
        assert result.writes_acknowledged > 10
        assert (result.promoted_at is not None) == fault.moves_primary
    if fault.moves_primary and len(results) == 1 and fault is not Fault.DOUBLE_FAILOVER:
        assert cluster.primary() != primary


def test_what_is_lost_without_synchronous_replication_lies_beyond_the_switch(
    cluster: Cluster, progress: Progress
) -> None:
    options = DrillOptions(fault=Fault.KILL_POSTGRES, sync=False, steady=3.0, after=3.0)
    (result,) = run(cluster, options, progress)
    assert (result.failed_requests, result.logouts, result.duplicates) == (0, 0, 0)
    assert result.lost_before_switch == 0
    assert result.verdict == "pass"


def test_the_cluster_heals(cluster: Cluster) -> None:
    cluster.heal()
    assert cluster.is_up()
