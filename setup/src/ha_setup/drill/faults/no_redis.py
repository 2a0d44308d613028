"""All of Redis dies, and while it is gone the host of PostgreSQL's primary."""

from __future__ import annotations

from ha_setup.drill.faults import host, signals
from ha_setup.drill.faults.course import Course
from ha_setup.drill.faults.scene import Injected, Scene

#: Seconds between the two, by run: while requests still wait for Redis, and when they no longer do.
_DELAYS = (3.0, 15.0)


def kill_redis_and_primary(scene: Scene) -> Injected:
    signals.expect_postmaster(scene.cluster, scene.primary)
    redis = host.kill_all_redis(scene)
    blows = [redis.at]

    def steps(course: Course) -> None:
        course.pause(_DELAYS[scene.number % len(_DELAYS)], "the primary's end")
        blows.append(signals.kill(scene.cluster, scene.primary))

    course = Course(steps).start()
    return Injected(redis.at, course.end, course.pending, lambda: blows[-1])
