"""One blow to one host or server."""

from __future__ import annotations

import time

from ha_setup.cluster import Cluster
from ha_setup.cluster.health import redis_command
from ha_setup.cluster.layout import REDIS_SERVICE, SENTINEL_PORT
from ha_setup.drill.faults import signals
from ha_setup.drill.faults.scene import Injected, Scene
from ha_setup.errors import ClusterError


def kill_primary(scene: Scene) -> Injected:
    signals.expect_postmaster(scene.cluster, scene.primary)
    return Injected(signals.kill(scene.cluster, scene.primary))


def freeze_primary(scene: Scene) -> Injected:
    signals.expect_postmaster(scene.cluster, scene.primary)
    return Injected(*signals.freeze(scene.cluster, scene.primary))


def kill_postgres(scene: Scene) -> Injected:
    return Injected(signals.kill(scene.cluster, scene.primary, only=signals.is_postgres))


def drop_primary(scene: Scene) -> Injected:
    """No end of any connection is told: neither a RST nor an ICMP message comes back."""
    began = time.monotonic()
    scene.cluster.cut_off(scene.primary)
    return Injected(began, lambda: scene.cluster.reconnect(scene.primary))


def kill_odoo_node(scene: Scene) -> Injected:
    suite = scene.cluster.variant == "suite"
    return Injected(signals.kill(scene.cluster, "odoo1", *(["sidecar1"] if suite else [])))


def kill_redis_master(scene: Scene) -> Injected:
    redis = redis_primary(scene.cluster)
    return Injected(signals.kill(scene.cluster, redis, redis.replace("redis", "sentinel")))


def kill_all_redis(scene: Scene) -> Injected:
    names = [host.name for host in scene.cluster.layout.redis]
    # Sentinels first: none of them shall see a primary die.
    sentinels = [name.replace("redis", "sentinel") for name in names]
    return Injected(signals.kill(scene.cluster, *sentinels, *names))


def redis_primary(cluster: Cluster) -> str:
    """The node that Sentinel calls the primary; the first Sentinel that answers is believed."""
    question = ("SENTINEL", "get-master-addr-by-name", REDIS_SERVICE)
    for host in cluster.layout.redis:
        try:
            answer = redis_command(host, SENTINEL_PORT, cluster.secrets.redis, *question)
        except (OSError, ValueError):
            continue
        named = [h.name for h in cluster.layout.redis if h.address == answer.split("\n")[0]]
        if named:
            return named[0]
    raise ClusterError(
        "no Sentinel names a Redis primary: is Redis up? Look at the logs of sentinel1 to sentinel3"
    )
