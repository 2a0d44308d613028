"""etcd loses its leader, or its majority."""

from __future__ import annotations

import base64
from typing import Any

import requests

from ha_setup.cluster import Cluster, health
from ha_setup.cluster.layout import ETCD_CLIENT_PORT, NAMESPACE, SCOPE, Host
from ha_setup.drill.faults import signals
from ha_setup.drill.faults.course import Course
from ha_setup.drill.faults.scene import Injected, Scene
from ha_setup.drill.recovery import CALM
from ha_setup.errors import ClusterError

_TIMEOUT_S = 2.0
_WITHOUT_QUORUM = 15.0  # seconds; a lease lives longer, and none runs out without a quorum
_RETURN_LIMIT = 30.0
_LEADER_KEY = f"{NAMESPACE}{SCOPE}/leader"


def leader_loss(scene: Scene) -> Injected:
    leader = leader_member(scene.cluster)
    scene.note(f"{leader} was etcd's leader")
    return Injected(signals.kill(scene.cluster, leader))


def quorum_loss(scene: Scene) -> Injected:
    """The leader and another member are killed, and started after 15 seconds."""
    cluster = scene.cluster
    leader = leader_member(cluster)
    other = next(host.name for host in cluster.layout.etcd if host.name != leader)
    began = signals.kill(cluster, leader, other)

    def steps(course: Course) -> None:
        course.pause(_WITHOUT_QUORUM, f"{_WITHOUT_QUORUM:.0f} seconds without etcd's quorum")
        for member in (leader, other):
            cluster.start(member)
        course.wait_for(
            lambda: all(health.etcd_member(host) is None for host in cluster.layout.etcd) or None,
            within=_RETURN_LIMIT,
            what="etcd's quorum",
        )
        scene.note("etcd has its quorum again")
        course.pause(2 * CALM, f"{2 * CALM:.0f} seconds with etcd's quorum")

    course = Course(steps).start()
    return Injected(began, course.end, course.pending)


def leader_member(cluster: Cluster) -> str:
    """The etcd member that leads; ClusterError when none says so."""
    for host in cluster.layout.etcd:
        try:
            status = _ask(host, "maintenance/status", {})
        except (requests.RequestException, ValueError):
            continue
        if status.get("leader") and status["leader"] == status["header"].get("member_id"):
            return host.name
    raise ClusterError("no etcd member says that it leads: see the logs of etcd1 to etcd3")


def holder_of_leader_key(cluster: Cluster) -> str | None:
    """The PostgreSQL node that Patroni elected; None when the key is gone, or no etcd member answers."""
    question = {"key": base64.b64encode(_LEADER_KEY.encode()).decode()}
    for host in cluster.layout.etcd:
        try:
            found = _ask(host, "kv/range", question).get("kvs")
        except (requests.RequestException, ValueError):
            continue
        return base64.b64decode(found[0]["value"]).decode() if found else None
    return None


def _ask(host: Host, what: str, question: dict[str, str]) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            f"http://{host.address}:{ETCD_CLIENT_PORT}/v3/{what}", json=question, timeout=_TIMEOUT_S
        )
        answer.raise_for_status()
        document = answer.json()
    if not isinstance(document, dict):
        raise ValueError("etcd's answer is no object")
    return document
