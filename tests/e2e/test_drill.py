"""Short drills on the real cluster: what users notice of a fault is a pause, and nothing else."""

from __future__ import annotations

import pytest

from ha_setup.cluster import Cluster
from ha_setup.drill import DrillOptions, Fault, run
from ha_setup.drill.options import FAULTS, lacks
from ha_setup.progress import Progress

# Killed just after the proof, and then both of them; the other ways are for `odoo-ha drill all`.
FIRST = {Fault.KILL_SIDECAR: 3}
# Two faults at once, each of which is here by itself.
LEFT_OUT = {Fault.KILL_REDIS_AND_PRIMARY}


def short(fault: Fault, *, first: int = 0, sync: bool = True) -> DrillOptions:
    return DrillOptions(fault=fault, first=first, sync=sync, steady=3.0, after=3.0)


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in LEFT_OUT])
def test_users_notice_a_pause_and_nothing_else(
    cluster: Cluster, progress: Progress, fault: Fault, number: int
) -> None:
    if lacks(cluster.layout, fault):
        pytest.skip(FAULTS[fault].needs_words)
    primary = cluster.primary()
    first = FIRST.get(fault, 0) + number
    (result,) = run(cluster, short(fault, first=first), progress)
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
    (result,) = run(cluster, short(Fault.KILL_POSTGRES, sync=False), progress)
    assert (result.failed_requests, result.logouts, result.duplicates) == (0, 0, 0)
    assert result.lost_before_switch == 0
    assert result.verdict == "pass"


def test_the_cluster_heals(cluster: Cluster) -> None:
    cluster.heal()
    assert cluster.is_up()
