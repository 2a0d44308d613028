"""Short drills on the real cluster: what users notice of a fault is a pause, and nothing else."""

from __future__ import annotations

import pytest

from ha_setup.cluster import Cluster
from ha_setup.drill import DrillOptions, Fault, run
from ha_setup.progress import Progress


@pytest.mark.parametrize("fault", [Fault.KILL_PRIMARY, Fault.SWITCHOVER])
def test_users_notice_a_pause_and_nothing_else(
    cluster: Cluster, progress: Progress, fault: Fault
) -> None:
    primary = cluster.primary()
    (result,) = run(cluster, DrillOptions(fault=fault, steady=4.0, after=4.0), progress)
    assert result.failed_by_kind == {}
    noticed = {
        "failed_requests": result.failed_requests,
        "logouts": result.logouts,
        "lost_acknowledged": result.lost_acknowledged,
        "duplicates": result.duplicates,
        "ghosts": result.ghosts,
    }
    assert noticed == dict.fromkeys(noticed, 0)
    assert result.verdict == "pass"
    # The load was there and the fault was real.
    assert result.writes_acknowledged > 10
    assert cluster.primary() != primary


def test_a_dead_odoo_node_logs_nobody_out(cluster: Cluster, progress: Progress) -> None:
    """Requests that the node was working on die with it; nothing else does."""
    options = DrillOptions(fault=Fault.KILL_ODOO_NODE, steady=4.0, after=4.0)
    (result,) = run(cluster, options, progress)
    assert (result.logouts, result.lost_acknowledged, result.duplicates) == (0, 0, 0)
    assert result.writes_acknowledged > 10
    assert result.failed_requests < 10


def test_the_cluster_heals(cluster: Cluster) -> None:
    cluster.heal()
    assert cluster.is_up()
