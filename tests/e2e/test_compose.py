"""The compose stack, built and run by podman on base images that are made on this machine, loses its primary.

HA_TEST_COMPOSE=1 runs it: as root, with what docker/local-images needs. The first build takes some ten
minutes, 6 GB of disk and the package registries; the run about four, and 3 GB of memory.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
COMPOSE = REPOSITORY / "docker" / "compose.yaml"
IMAGES = Path("/var/tmp/odoo-ha-images")
PROJECT = "odoo-ha-test"
#: Everything of the stack is in this network namespace, the balancer's port on its loopback too.
NAMESPACE = "odoo-ha-compose"
PORT, STATUS_PORT = 18090, 18494
NEEDED = ("podman", "podman-compose", "buildah", "runc", "debootstrap", "ip", "iptables")
PATIENCE_S = 600.0

pytestmark = pytest.mark.skipif(
    not os.environ.get("HA_TEST_COMPOSE"), reason="HA_TEST_COMPOSE isn't set"
)


def lacks() -> str | None:
    """What keeps this machine from it, in words."""
    if os.geteuid() != 0:
        return "only root can make the base image"
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        return f"{', '.join(missing)} missing: docker/local-images says what to install"
    return None


def run(*words: str, timeout: float = 300, check: bool = True, **more: str) -> str:
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
        check=False, env={**os.environ, **more},
    )  # fmt: skip
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.returncode}: {done.stdout[-3000:]}")
    return done.stdout


def inside(*words: str, timeout: float = 300, check: bool = True) -> str:
    """Run a command in the stack's network. `ip netns exec` would hide the cgroups from runc."""
    return run(
        "nsenter", f"--net=/run/netns/{NAMESPACE}", *words, timeout=timeout, check=check,
        CONTAINERS_CONF=str(IMAGES / "containers.conf"), PORT=str(PORT),
        STATUS_PORT=str(STATUS_PORT),
    )  # fmt: skip


def compose(*words: str, timeout: float = 300, check: bool = True) -> str:
    return inside(
        "podman-compose", "-p", PROJECT, "-f", str(COMPOSE), *words, timeout=timeout, check=check
    )


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"after {PATIENCE_S:.0f} s not: {what}")
        time.sleep(2)


def containers() -> list[str]:
    said = inside("podman", "ps", "-a", "--format", "{{.Names}}").split()
    return [name for name in said if name.startswith(f"{PROJECT}_")]


@pytest.fixture(scope="module")
def stack() -> Iterator[dict[str, object]]:
    """The stack, up by its one command; the compose file as data."""
    if reason := lacks():
        pytest.skip(reason)
    run(str(REPOSITORY / "docker" / "local-images"), timeout=1800)
    run("ip", "netns", "add", NAMESPACE)
    try:
        inside("ip", "link", "set", "lo", "up")
        said = compose("up", "-d", timeout=PATIENCE_S)
        # Old versions of podman-compose answer 0 whatever happened.
        assert not re.search(r"exit code: [1-9]", said), said[-3000:]
        wait_until(answers, "both nodes are behind the balancer")
        yield yaml.safe_load(COMPOSE.read_text())
    finally:
        compose("down", "--volumes", timeout=PATIENCE_S, check=False)
        left = containers()
        if left:
            inside("podman", "rm", "-f", "-v", *left, check=False)
        networks = inside("podman", "network", "ls", "--format", "{{.Name}}").split()
        for network in [name for name in networks if name.startswith(f"{PROJECT}_")]:
            inside("podman", "network", "rm", network, check=False)  # podman-compose leaves them
        run("ip", "netns", "delete", NAMESPACE, check=False)


def answers() -> bool:
    """Both nodes are up, as HAProxy sees them."""
    page = inside("curl", "-s", "-m", "5", f"http://127.0.0.1:{STATUS_PORT}/;csv", check=False)
    rows = [line.split(",") for line in page.splitlines()]
    up = {r[1] for r in rows if len(r) > 17 and r[0] == "odoo" and r[17].startswith("UP")}
    return {"odoo1", "odoo2"} <= up


def test_every_service_is_healthy_and_none_is_root(stack: dict[str, object]) -> None:
    services = stack["services"]
    assert isinstance(services, dict)
    for name in services:
        if name == "init":
            continue
        container = f"{PROJECT}_{name}_1"
        wait_until(
            lambda container=container: (
                not inside(  # type: ignore[misc]
                    "sh", "-c", f"podman healthcheck run {container} >/dev/null 2>&1 || echo ill"
                )
            ),
            f"{name} is healthy",
        )
        user = inside("podman", "exec", container, "id", "-u").strip()
        assert user != "0", name
    environment = inside("podman", "inspect", *containers(), "--format", "{{.Config.Env}}")
    holder = f"{PROJECT}_secrets_1"
    for name in inside("podman", "exec", holder, "ls", "/secrets/all").split():
        secret = inside("podman", "exec", holder, "hand-out", "show", name).strip()
        assert secret, name
        assert secret not in environment, f"{name} is in an environment"


def test_the_primary_is_killed_and_users_notice_a_pause(stack: dict[str, object]) -> None:
    said = inside(
        sys.executable, str(Path(__file__).with_name("compose_users.py")), PROJECT,
        f"http://127.0.0.1:{PORT}", timeout=PATIENCE_S,
    )  # fmt: skip
    print(said)
    seen = json.loads(said.splitlines()[-1])
    assert seen["failed"] == {}
    noticed = {k: seen[k] for k in ("logged_out", "lost", "twice", "ghosts", "disagreements")}
    assert noticed == {name: [] for name in noticed}
    # The load was there and the fault was real.
    assert seen["before"] > 5
    assert seen["acknowledged"] > seen["before"]
    assert seen["primary"] != seen["killed"]
    assert seen["pause"] > 5
