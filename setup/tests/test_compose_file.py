"""docker/compose.yaml holds what it promises: pinned images, health checks, no root, passwords as files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

DOCKER = Path(__file__).parents[2] / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DEFAULT = re.compile(r"\$\{\w+:-([^}]+)\}")


def base_images() -> list[str]:
    """What the services run or are built on, by default."""
    named = [
        word for s in SERVICES.values() for word in s.get("build", {}).get("args", {}).values()
    ]
    named += [s["image"] for s in SERVICES.values() if "build" not in s]
    return [DEFAULT.sub(r"\1", name) for name in named]


def dockerfile(service: dict[str, Any]) -> str:
    build = service["build"]
    named = build.get("dockerfile")
    file = DOCKER.parent / named if named else DOCKER / build["context"] / "Dockerfile"
    return file.read_text()


def test_images_are_pinned_and_the_official_ones() -> None:
    assert {image.split(":")[0] for image in base_images()} == {
        "debian", "postgres", "redis", "odoo", "haproxy", "chrislusf/seaweedfs",
    }  # fmt: skip
    for image in [*base_images(), *(s["image"] for s in SERVICES.values() if "build" in s)]:
        tag = image.partition(":")[2]
        assert tag and tag != "latest", image
    for file in DOCKER.glob("*/Dockerfile"):
        for argument in re.findall(r"^ARG \w+_IMAGE=(\S+)", file.read_text(), re.M):
            assert argument in base_images(), f"{file}: another default than compose.yaml's"


def test_every_service_is_confined_and_not_root() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert not service.get("privileged")
        if "build" in service:
            user = re.findall(r"^USER (\S+)", dockerfile(service), re.M)[-1]
        else:
            user = str(service["user"])
        assert user not in ("root", "0"), name


def test_every_service_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        check = service["healthcheck"]
        if name == "init":  # ends when it is done
            assert check == {"disable": True}
        else:
            assert check["test"]
            assert check["retries"] >= 3


def test_passwords_are_files_and_each_service_sees_its_own() -> None:
    kinds = {
        name: [v for v in s.get("volumes", ()) if ":/run/secrets" in v]
        for name, s in SERVICES.items()
    }
    script = (DOCKER / "secrets-maker" / "hand-out").read_text()
    given = dict(re.findall(r"^(\w+) ((?:[a-z0-9_.]+ ?)+)$", script.split("<<KINDS")[1], re.M))
    for name, mounts in kinds.items():
        for variable, value in SERVICES[name].get("environment", {}).items():
            assert "PASSWORD" not in variable or variable.endswith("_FILE"), f"{name}: {variable}"
            if variable.endswith("_FILE"):
                (mount,) = mounts
                files = given[mount.split(":")[0].removeprefix("secrets-")].split()
                assert Path(value).name in files, f"{name}: {value}"
        for mount in mounts:
            assert mount.endswith(":/run/secrets:ro"), name
    assert kinds["haproxy"] == kinds["etcd1"] == []
    assert "odoo_admin_password" not in given["odoo"]
    assert given["sidecar"].split() == ["probe_password"]


def test_only_the_balancer_is_reached_from_outside() -> None:
    ports = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert list(ports) == ["haproxy"]
    for port in ports["haproxy"]:
        assert DEFAULT.sub(r"\1", port).startswith("127.0.0.1:")


def test_volumes_are_declared_and_used() -> None:
    used = {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", ())}
    assert {name for name in used if not name.startswith(".")} == {*COMPOSE["volumes"]}
