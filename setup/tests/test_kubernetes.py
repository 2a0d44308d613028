"""The manifests in kubernetes/: valid by Kubernetes' own schemas, and holding what they promise."""

from __future__ import annotations

import configparser
import copy
import re
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

MANIFESTS = Path(__file__).parents[2] / "kubernetes"
#: The first with sidecars among the init containers, and one of today.
VERSIONS = ("1.29", "1.34")
#: Of kustomize, which is no part of Kubernetes' API.
KUSTOMIZATION = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())
Document = dict[str, Any]


def documents() -> list[Document]:
    return [
        document
        for name in KUSTOMIZATION["resources"]
        for document in yaml.safe_load_all((MANIFESTS / name).read_text())
    ]


def only(kind: str, name: str) -> Document:
    (found,) = (d for d in documents() if d["kind"] == kind and d["metadata"]["name"] == name)
    return found


def pod_of(document: Document) -> Document:
    pod: Document = document["spec"]["template"]["spec"]
    return pod


def pods() -> dict[str, Document]:
    kinds = ("Deployment", "StatefulSet", "Job")
    return {d["metadata"]["name"]: pod_of(d) for d in documents() if d["kind"] in kinds}


def containers(pod: Document) -> list[Document]:
    return [*pod.get("initContainers", []), *pod["containers"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_is_valid(version: str) -> None:
    for document in documents():
        kubernetes_validate.validate(document, version, strict=True)


def test_the_validation_finds_what_is_wrong() -> None:
    wrong = copy.deepcopy(only("StatefulSet", "odoo"))
    pod_of(wrong)["containers"][0]["readinessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_every_file_is_named_and_no_other() -> None:
    named = {*KUSTOMIZATION["resources"]}
    named |= {file for one in KUSTOMIZATION["configMapGenerator"] for file in one["files"]}
    named |= {"kustomization.yaml", "README.md"}
    assert {file.name for file in MANIFESTS.iterdir()} == named


def test_no_container_may_more_than_it_needs() -> None:
    for name, pod in pods().items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            context = container["securityContext"]
            assert context["runAsUser"] > 0
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= {*container["resources"]}
            image = container["image"]
            tags = {each["name"] for each in KUSTOMIZATION["images"]}
            assert image in tags or re.search(r":[\w.-]+$", image), "an image is pinned"


def test_secrets_are_referred_to_and_each_is_mounted_where_it_is_read() -> None:
    assert not [d for d in documents() if d["kind"] == "Secret"]
    made = (MANIFESTS.parent / "docker" / "make-secrets").read_text()
    for pod in pods().values():
        for volume in pod["volumes"]:
            for item in volume.get("secret", {}).get("items", ()):
                assert item["key"] in made, "docker/make-secrets makes it"
        for container in containers(pod):
            for variable in container.get("env", ()):
                if variable["name"].endswith("_FILE"):
                    held = {
                        f"{mount['mountPath']}/{item['path']}"
                        for mount in container["volumeMounts"]
                        for volume in pod["volumes"]
                        if volume["name"] == mount["name"]
                        for item in volume.get("secret", {}).get("items", ())
                    }
                    assert variable["value"] in held
                if "PASSWORD" in variable["name"] or "SECRET" in variable["name"]:
                    assert variable["name"].endswith("_FILE")


def test_every_mount_has_its_volume_and_every_configuration_its_file() -> None:
    generated = {one["name"] for one in KUSTOMIZATION["configMapGenerator"]}
    for pod in pods().values():
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in containers(pod):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        for volume in pod["volumes"]:
            assert volume.get("configMap", {}).get("name") in {None, *generated}


def test_a_node_is_probed_drained_and_never_beside_another() -> None:
    pod = pods()["odoo"]
    (odoo,) = pod["containers"]
    assert {odoo[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness")} == {
        "/web/health?probe=startup",
        "/web/health?probe=live",
    }
    assert odoo["readinessProbe"]["httpGet"] == {"path": "/web/health", "port": "gevent"}
    (sidecar,) = pod["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    drain = next(v["value"] for v in odoo["env"] if v["name"] == "ODOO_HA_DRAIN_PATH")
    said = tomllib.loads((MANIFESTS / "sidecar.toml").read_text())
    assert said["drain_path"] == drain
    words = odoo["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert f"> {drain}" in words
    (waits,) = re.findall(r"sleep (\d+)", words)
    options = configparser.RawConfigParser()
    options.read(MANIFESTS / "odoo.conf")
    longest = options.getint("options", "limit_time_real")
    assert pod["terminationGracePeriodSeconds"] >= int(waits) + longest
    assert drain in odoo["lifecycle"]["postStart"]["exec"]["command"][-1]
    (rule,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"
    labels = only("StatefulSet", "odoo")["spec"]["template"]["metadata"]["labels"]
    assert rule["labelSelector"]["matchLabels"].items() <= labels.items()
    haproxy = (MANIFESTS / "haproxy.cfg").read_text()
    assert f"maxconn {options['options']['workers']} " in haproxy


@pytest.mark.parametrize("name", ["odoo", "haproxy"])
def test_a_disruption_takes_one_at_a_time(name: str) -> None:
    budget = only("PodDisruptionBudget", name)["spec"]
    assert budget["maxUnavailable"] == 1
    workload = only("StatefulSet" if name == "odoo" else "Deployment", name)["spec"]
    assert workload["replicas"] >= 2
    labels = workload["template"]["metadata"]["labels"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    assert workload["selector"]["matchLabels"].items() <= labels.items()


def test_services_lead_to_ports_that_are_there() -> None:
    for service in (d for d in documents() if d["kind"] == "Service"):
        selector = service["spec"]["selector"]["app.kubernetes.io/name"]
        ports = {p[k] for c in pods()[selector]["containers"] for p in c["ports"] for k in p}
        for port in service["spec"]["ports"]:
            assert port.get("targetPort", port["port"]) in ports
