"""Injects the faults, from outside: signals to processes, dropped packets, requests to Patroni.

Each fault is a function `(Scene) -> Injected`; what it is for people stands in `ha_setup.drill.options`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ha_setup.drill.faults import (
    double_failover,
    etcd,
    host,
    lagging_replicas,
    no_redis,
    old_primary,
    rollout,
    s3,
    sidecar,
    switchover,
)
from ha_setup.drill.faults.scene import Injected, Scene
from ha_setup.drill.options import Fault

INJECTORS: Mapping[Fault, Callable[[Scene], Injected]] = {
    Fault.SWITCHOVER: switchover.run_command,
    Fault.PATRONICTL_SWITCHOVER: switchover.ask_patroni,
    Fault.KILL_PRIMARY: host.kill_primary,
    Fault.FREEZE_PRIMARY: host.freeze_primary,
    Fault.KILL_POSTGRES: host.kill_postgres,
    Fault.DROP_PRIMARY: host.drop_primary,
    Fault.DOUBLE_FAILOVER: double_failover.double_failover,
    Fault.LAGGING_REPLICAS: lagging_replicas.lagging_replicas,
    Fault.FREEZE_PATRONI: old_primary.freeze_patroni,
    Fault.OLD_PRIMARY_RETURNS: old_primary.old_primary_returns,
    Fault.KILL_SIDECAR: sidecar.kill_sidecar,
    Fault.ETCD_LEADER_LOSS: etcd.leader_loss,
    Fault.ETCD_QUORUM_LOSS: etcd.quorum_loss,
    Fault.KILL_ODOO_NODE: host.kill_odoo_node,
    Fault.KILL_REDIS_MASTER: host.kill_redis_master,
    Fault.KILL_ALL_REDIS: host.kill_all_redis,
    Fault.KILL_REDIS_AND_PRIMARY: no_redis.kill_redis_and_primary,
    Fault.STOP_S3: s3.stop,
    Fault.SLOW_S3: s3.slow,
    Fault.S3_ERRORS: s3.errors,
    Fault.ROLLOUT: rollout.roll_out,
}


def inject(fault: Fault, scene: Scene) -> Injected:
    """Do it, now. Raises ClusterError when there is nothing to break."""
    return INJECTORS[fault](scene)


__all__ = ["Injected", "Scene", "inject"]
