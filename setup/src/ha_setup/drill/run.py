"""Drives a drill: load, fault, recovery, healing, reckoning; the effects are all started here."""

from __future__ import annotations

from ha_setup.cluster import Cluster
from ha_setup.drill.options import DrillOptions
from ha_setup.drill.result import RunResult
from ha_setup.progress import Progress


def run(cluster: Cluster, options: DrillOptions, progress: Progress) -> list[RunResult]:
    """Run the drill on a cluster that is up; one result a run and variant, the suite's first.

    The cluster is healed after each run. Raises SetupError when the cluster cannot be made ready.
    """
    raise NotImplementedError
