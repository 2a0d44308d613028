"""The primary's host dies while its replicas lag: what they had not received dies with it."""

from __future__ import annotations

import contextlib
import signal
import time

import psutil

from ha_setup.drill.faults import signals
from ha_setup.drill.faults.course import Course
from ha_setup.drill.faults.scene import Injected, Scene
from ha_setup.errors import ClusterError

# Seconds for which nothing is received. Patroni promotes nobody that lacks more than its
# maximum_lag_on_failover (1 MiB here); the drill's load writes a fraction of that in this time.
_LAG = 1.5


def lagging_replicas(scene: Scene) -> Injected:
    """The WAL receivers are stopped in place. Once the primary is gone they end without reading what lies
    in their sockets: with a slow network it would have died in the primary's own."""
    cluster, primary = scene.cluster, scene.primary
    signals.expect_postmaster(cluster, primary)
    receivers: list[psutil.Process] = []
    for host in cluster.layout.pg:
        if host.name != primary:
            found = [p for p in cluster.processes_of(host.name) if signals.is_wal_receiver(p)]
            if not found:
                raise ClusterError(f"{host.name} receives no WAL from {primary}: nothing to stop")
            receivers += found
    blows = [time.monotonic()]
    for process in receivers:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)

    def steps(course: Course) -> None:
        course.pause(_LAG, "the end of the primary's host")
        blows.append(signals.kill(cluster, primary))
        signals.end(receivers)
        scene.note(f"{primary} killed, {blows[-1] - blows[0]:.1f} s after its replicas had stopped")

    course = Course(steps).start()

    def end() -> None:
        try:
            course.end()
        finally:
            signals.end(receivers)

    return Injected(blows[0], end, course.pending, lambda: blows[-1])
