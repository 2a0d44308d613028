"""Sidecars die in the middle of a failover, and are started again after a second, as systemd does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from ha_setup.drill.faults import signals
from ha_setup.drill.faults.course import Course
from ha_setup.drill.faults.etcd import holder_of_leader_key
from ha_setup.drill.faults.scene import Injected, Scene

_STEP_LIMIT = 40.0
_RESTART_AFTER = 1.0


def _at_once(_: Scene) -> bool:
    return True


def _key_vanished(scene: Scene) -> bool:
    return holder_of_leader_key(scene.cluster) != scene.primary


def _elected(scene: Scene) -> bool:
    return holder_of_leader_key(scene.cluster) not in (None, scene.primary)


def _proven(scene: Scene) -> bool:
    """The first sidecar has published another primary."""
    try:
        document = json.loads(scene.cluster.layout.topology_path("odoo1").read_text())
        return bool(document["state"] == "stable" and document["primary"]["name"] != scene.primary)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@dataclass(frozen=True)
class Step:
    """When in the failover which sidecars are killed."""

    title: str
    reached: Callable[[Scene], bool]
    sidecars: tuple[str, ...] = ("sidecar1",)


# Run n takes step n, and begins anew after the last.
STEPS = (
    Step("before the failover", _at_once),
    Step("when the leader key had vanished", _key_vanished),
    Step("when a primary was elected and not yet proven", _elected),
    Step("just after the proof", _proven),
    Step("both, when the leader key had vanished", _key_vanished, ("sidecar1", "sidecar2")),
)


def kill_sidecar(scene: Scene) -> Injected:
    """The failover is that of a killed PostgreSQL. Stock Odoo has no sidecars: there it is that alone."""
    step = STEPS[scene.number % len(STEPS)]
    cluster = scene.cluster
    suite = cluster.variant == "suite"
    # Looked up now: once the moment is there, the look alone would let it pass.
    sidecars = step.sidecars if suite else ()
    victims = [process for name in sidecars for process in cluster.processes_of(name)]

    def hit(course: Course) -> None:
        signals.strike(victims)
        # What the killed sidecar had got to say tells whether the step was hit or passed by.
        said = "had" if _proven(scene) else "had not"
        scene.note(
            f"{' and '.join(step.sidecars)} killed {step.title}; "
            f"the first {said} published the new primary"
        )
        course.pause(_RESTART_AFTER, "the sidecars' restart")
        for sidecar in step.sidecars:
            cluster.start(sidecar)

    def later(course: Course) -> None:
        course.wait_for(
            lambda: step.reached(scene) or None, within=_STEP_LIMIT, what=f"the step: {step.title}"
        )
        hit(course)

    if suite and step.reached is _at_once:
        course = Course(hit).start()
        began = signals.kill(cluster, scene.primary, only=signals.is_postgres)
    else:
        began = signals.kill(cluster, scene.primary, only=signals.is_postgres)
        course = Course(later if suite else lambda _: None).start()
    return Injected(began, course.end, course.pending)
