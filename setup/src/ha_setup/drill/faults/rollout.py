"""`odoo-ha rollout` over the Odoo nodes, as an operator would run it."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import yaml

from ha_setup.cluster.balancer_counters import sent_again
from ha_setup.cluster.health import odoo_node
from ha_setup.cluster.layout import GEVENT_PORT, ODOO_PORT, Host
from ha_setup.commands import end_process
from ha_setup.drill.faults.course import Course
from ha_setup.drill.faults.scene import Injected, Scene
from ha_setup.errors import ClusterError

BACKEND = "suite_odoo"
#: Seconds after which HAProxy has seen that a node is drained: two checks, one a second, and the look of Odoo.
SETTLE = "6s"
_START_LIMIT = 120.0
_COMMAND_LIMIT = 30.0  # seconds for its end, when the run is over


def roll_out(scene: Scene) -> Injected:
    """Pending until the command has ended. The undo step raises ClusterError, with its words, when it did not
    end well, left a node out, or made HAProxy send a request a second time. Stock can't be drained: there each
    node is stopped and started, the next one when it answers."""
    layout = scene.cluster.layout
    if scene.cluster.variant == "stock":
        return _restart(scene)
    base = layout.directory / "rollout"
    base.mkdir(parents=True, exist_ok=True)
    for left in base.iterdir():
        left.unlink()
    file = base / "rollout.yml"
    file.write_text(yaml.safe_dump(settings(scene, base)))
    before = sent_again(layout, BACKEND)
    log = base / "log"
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(Path(sys.prefix) / "bin" / "odoo-ha"), "rollout", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def pending() -> str | None:
        return None if process.poll() is not None else "the rollout's end"

    def ended() -> None:
        try:
            process.wait(_COMMAND_LIMIT)
        except subprocess.TimeoutExpired:
            end_process(process)
        words = log.read_text().strip()
        if process.returncode != 0:
            raise ClusterError(f"odoo-ha rollout ended with {process.returncode}:\n{words}")
        for host in layout.odoo:
            if not (base / f"{host.name}.upgraded").exists():
                raise ClusterError(f"the rollout left {host.name} out:\n{words}")
        again = (sent_again(layout, BACKEND) or 0) - (before or 0)
        if again:
            raise ClusterError(f"{again} requests met a node that was stopped and were sent again")
        scene.note(f"{len(layout.odoo)} nodes rolled out, no request was sent a second time")

    return Injected(began, ended, pending)


def _restart(scene: Scene) -> Injected:
    def steps(course: Course) -> None:
        for host in scene.cluster.layout.odoo:
            scene.cluster.stop(host.name)
            scene.cluster.start(host.name)
            up = partial(_up, host)
            course.wait_for(up, within=_START_LIMIT, what=f"{host.name} to answer again")

    began = time.monotonic()
    course = Course(steps).start()
    return Injected(began, course.end, course.pending)


def _up(host: Host) -> bool | None:
    return True if odoo_node(host) is None else None


def settings(scene: Scene, base: Path) -> dict[str, object]:
    """The rollout's file: the upgrade leaves a mark."""
    layout = scene.cluster.layout
    one_node = f"{sys.executable} -m ha_setup.cluster.one_node {layout.state_dir} {layout.name}"
    sidecar = Path(sys.prefix) / "bin" / "ha-sidecar"

    def drain(verb: str) -> str:
        # Any node's file: `{node}` is the Odoo node, its sidecar has a directory of its own.
        script = f'exec {sidecar} {verb} --config "{layout.node_dir("sidecar")}${{0#odoo}}/conf/sidecar.toml"'
        return f"sh -c '{script}' {{node}}"

    return {
        "nodes": {host.name: {"address": host.address} for host in layout.odoo},
        "commands": {
            "drain": drain("drain"),
            "stop": f"{one_node} stop {{node}}",
            "upgrade": f"touch {base}/{{node}}.upgraded",
            "start": f"{one_node} start {{node}}",
            "undrain": drain("undrain"),
        },
        "http_port": ODOO_PORT,
        "health_port": GEVENT_PORT,
        "host": "odoo.example",
        "database": layout.database("suite"),
        "settle": SETTLE,
        "start_limit": "120s",
    }
