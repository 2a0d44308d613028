"""The S3 store stops, or answers late or wrongly."""

from __future__ import annotations

import time

from ha_setup.drill.faults.scene import Injected, Scene
from ha_setup.s3_proxy import S3Fault


def stop(scene: Scene) -> Injected:
    began = time.monotonic()
    scene.cluster.stop("s3")
    return Injected(began)


def slow(scene: Scene) -> Injected:
    return _ail(scene, S3Fault.SLOW)


def errors(scene: Scene) -> Injected:
    return _ail(scene, S3Fault.ERRORS)


def _ail(scene: Scene, fault: S3Fault) -> Injected:
    began = time.monotonic()
    scene.cluster.set_s3_fault(fault)

    def undo() -> None:
        treated = scene.cluster.set_s3_fault(S3Fault.NONE)
        scene.note(f"it was done to {treated} answers")

    return Injected(began, undo)
