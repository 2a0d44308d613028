"""Hosts: `host_facts` run here, or on another host as what `python3 -` reads."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ha_setup.doctor import host_facts
from ha_setup.doctor.look.unlooked import Unlooked
from ha_setup.doctor.seen import Disk, FileSeen, OdooNode, Unseen
from ha_setup.doctor.target import HostPlace

TIMEOUT_S = 45.0
#: One for all hosts of a run: equal secrets have equal digests.
_SALT = secrets.token_hex(16)


def look(place: HostPlace) -> tuple[dict[str, Any], float | None]:
    """The facts of one host, and how far its clock is ahead (nothing to tell of this machine's)."""
    if place.unseen:
        raise Unlooked(place.unseen)
    request = {
        "salt": _SALT,
        "configs": place.configs,
        "topology": place.topology,
        "files": place.secrets,
        "disks": place.disks,
        "texts": [place.balancer] if place.balancer else [],
        "urls": place.urls,
    }
    if not place.through:
        return host_facts.facts(request), None
    program = Path(host_facts.__file__).read_text(encoding="utf-8")
    try:
        done = subprocess.run(
            [*place.through, "python3", "-"],
            input=f"{program}\nmain({json.dumps(json.dumps(request))})\n",
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        after = time.time()
        found: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Unlooked(f"{place.through[0]}: {problem}") from None
    except ValueError:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Unlooked(f"{' '.join(place.through)} python3: {lines[-1]}") from None
    # It tells the time last, and then only its answer travels.
    return found, found["now"] - after


@dataclass(frozen=True)
class Told:
    """What all hosts told, sorted by what it is about. `unseen` are hosts that told nothing."""

    odoo: dict[str, OdooNode | Unseen] = field(default_factory=dict)
    balancers: dict[str, str | Unseen] = field(default_factory=dict)
    secrets: dict[str, FileSeen | Unseen] = field(default_factory=dict)
    disks: dict[str, Disk | Unseen] = field(default_factory=dict)
    unseen: dict[str, float | Unseen] = field(default_factory=dict)


def gather(places: tuple[HostPlace, ...], found: Mapping[str, dict[str, Any] | Unseen]) -> Told:
    """Sort the hosts' facts."""
    told = Told()
    for place in places:
        facts = found[place.name]
        if isinstance(facts, Unseen):
            told.unseen[place.name] = facts
            if place.configs:
                told.odoo[place.name] = facts
            if place.balancer:
                told.balancers[place.name] = facts
            if place.secrets:
                told.secrets[place.name] = facts
            if place.disks:
                told.disks[place.name] = facts
            continue
        if place.configs:
            told.odoo[place.name] = _odoo(facts)
        if place.balancer:
            text = facts["texts"][place.balancer]
            told.balancers[place.name] = text.get("text") or Unseen(
                f"{place.balancer}: {text.get('error', 'it is empty')}"
            )
        for path, file in facts["files"].items():
            told.secrets[f"{place.name}: {path}"] = FileSeen(**file)
        for path, disk in facts["disks"].items():
            told.disks[f"{place.name}: {path}"] = (
                Unseen(f"{path}: {disk['error']}") if "error" in disk else Disk(path, **disk)
            )
    return told


def _odoo(facts: dict[str, Any]) -> OdooNode | Unseen:
    odoo = facts["odoo"]
    if "error" in odoo:
        return Unseen(f"{odoo['file']}: {odoo['error']}")
    answers = {
        url.partition("/web")[1] + url.partition("/web")[2]: (
            int(answer.get("status", 0)),
            str(answer.get("body", answer.get("error", ""))),
        )
        for url, answer in facts["urls"].items()
    }
    topology, age = _topology(facts)
    return OdooNode(
        file=odoo["file"],
        options=odoo["options"],
        ha=odoo["ha"],
        environment=odoo["environment"],
        stale=odoo["stale"],
        answers=answers,
        topology=topology,
        topology_age=age,
    )


def _topology(facts: dict[str, Any]) -> tuple[dict[str, Any] | Unseen, float]:
    told = facts.get("topology")
    if told is None:
        return Unseen("no document was asked for"), 0.0
    if "error" in told:
        return Unseen(told["error"]), 0.0
    try:
        document = json.loads(told["text"])
        observed = datetime.fromisoformat(document["observed_at"])
        return document, datetime.fromtimestamp(
            facts["now"], UTC
        ).timestamp() - observed.timestamp()
    except (ValueError, KeyError, TypeError):
        return Unseen("it is no topology document"), 0.0
