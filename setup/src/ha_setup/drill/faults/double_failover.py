"""The primary's host dies, and within ten seconds of the promotion its successor's too."""

from __future__ import annotations

import time

from ha_setup.cluster import Cluster, health
from ha_setup.drill.faults import signals
from ha_setup.drill.faults.course import Course
from ha_setup.drill.faults.scene import Injected, Scene

_PROMOTION_LIMIT = 60.0
_SECOND_WITHIN = 10.0
_DELAYS = (1.0, 3.0, 5.0, 7.0)  # seconds from the promotion to the second blow, by run


def double_failover(scene: Scene) -> Injected:
    """The second blow waits until Patroni has a synchronous replica again: before that it would, rightly,
    promote nobody, since what was acknowledged could be missing there."""
    cluster = scene.cluster
    signals.expect_postmaster(cluster, scene.primary)
    began = signals.kill(cluster, scene.primary)
    blows = [began]

    def steps(course: Course) -> None:
        promoted = course.wait_for(
            lambda: scene.promoted(began), within=_PROMOTION_LIMIT, what="the first promotion"
        )
        promoted_at = time.monotonic()
        course.pause(_DELAYS[scene.number % len(_DELAYS)], "the second blow")
        course.wait_for(
            lambda: _may_fail_over(cluster, promoted.node) or None,
            within=promoted_at + _SECOND_WITHIN - time.monotonic(),
            what=f"a replica that may follow {promoted.node}, within {_SECOND_WITHIN:.0f} s",
        )
        blows.append(signals.kill(cluster, promoted.node))
        scene.note(
            f"{promoted.node} killed {blows[-1] - promoted_at:.1f} s after it became writable"
        )

    course = Course(steps).start()
    return Injected(began, course.end, course.pending, lambda: blows[-1])


def _may_fail_over(cluster: Cluster, primary: str) -> bool:
    members = health.patroni_members(cluster.layout)
    led = any(m.get("role") == "leader" and m.get("name") == primary for m in members)
    wanted = "sync_standby" if cluster.synchronous else "replica"
    return led and any(m.get("role") == wanted and m.get("state") == "streaming" for m in members)
