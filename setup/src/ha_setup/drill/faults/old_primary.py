"""A primary that is replaced although it lives, or that is back while users still work."""

from __future__ import annotations

from collections.abc import Callable

from ha_setup.drill.faults import signals
from ha_setup.drill.faults.course import Course
from ha_setup.drill.faults.scene import Injected, Scene
from ha_setup.drill.promotion import Seen
from ha_setup.drill.recovery import CALM

_PROMOTION_LIMIT = 60.0
_STEP_DOWN_LIMIT = 60.0
_TOGETHER = 3.0  # seconds that the old primary stays away after the new one was promoted


def freeze_patroni(scene: Scene) -> Injected:
    """The lease runs out, another is promoted, and the old primary takes writes all the while."""
    signals.expect_postmaster(scene.cluster, scene.primary)
    began, thaw = signals.freeze(scene.cluster, scene.primary, signals.is_not_postgres)
    return _returns(scene, began, thaw, "Patroni of the old primary goes on", undo=thaw)


def old_primary_returns(scene: Scene) -> Injected:
    """Even runs freeze the host and thaw it, odd ones kill its processes and start it again."""
    cluster, primary = scene.cluster, scene.primary
    signals.expect_postmaster(cluster, primary)
    if scene.number % 2:
        began = signals.kill(cluster, primary)
        return _returns(scene, began, lambda: cluster.start(primary), "the killed primary starts")
    began, thaw = signals.freeze(cluster, primary)
    return _returns(scene, began, thaw, "the frozen primary goes on", undo=thaw)


def _returns(
    scene: Scene,
    began: float,
    bring_back: Callable[[], None],
    what: str,
    undo: Callable[[], None] | None = None,
) -> Injected:
    """Once a new primary is there, bring the old one back under load and wait until it has stepped down."""

    def steps(course: Course) -> None:
        course.wait_for(
            lambda: scene.promoted(began), within=_PROMOTION_LIMIT, what="a new writable primary"
        )
        course.pause(_TOGETHER, "the old primary's return")
        scene.note(f"{what}; its PostgreSQL is {scene.seen(scene.primary)}")
        bring_back()
        course.wait_for(
            lambda: scene.seen(scene.primary) is Seen.READ_ONLY or None,
            within=_STEP_DOWN_LIMIT,
            what="the old primary as a replica",
        )
        scene.note("the old primary is a replica")
        course.pause(CALM, f"{CALM:.0f} seconds with the old primary as a replica")

    course = Course(steps).start()

    def end() -> None:
        try:
            course.end()
        finally:
            if undo is not None:
                undo()

    return Injected(began, end, course.pending)
