"""The alert rules, by Prometheus's own tool; the dashboard, as far as it can be checked without Grafana."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.servers.debian import program

MONITORING = Path(__file__).parents[3] / "docs" / "monitoring"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "odoo-ha.rules.yml"),
        ("test", "rules", "odoo-ha.rules.test.yml"),
    ],
)
def test_promtool(arguments: tuple[str, ...]) -> None:
    promtool = program("promtool", "prometheus", "/usr/bin/promtool")
    done = subprocess.run(
        [promtool, *arguments], cwd=MONITORING, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_is_wrong_is_found(tmp_path: Path) -> None:
    """promtool's tests can fail: with another limit the first of ours does."""
    for file in ("odoo-ha.rules.yml", "odoo-ha.rules.test.yml"):
        text = (MONITORING / file).read_text()
        (tmp_path / file).write_text(text.replace("proof) > 5", "proof) > 500"))
    promtool = program("promtool", "prometheus", "/usr/bin/promtool")
    done = subprocess.run(
        [promtool, "test", "rules", "odoo-ha.rules.test.yml"], cwd=tmp_path, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode != 0


def test_every_rule_has_a_summary_and_a_severity() -> None:
    text = (MONITORING / "odoo-ha.rules.yml").read_text()
    rules = text.split("- alert: ")[1:]
    assert len(rules) > 10
    for rule in rules:
        assert "summary:" in rule, rule
        assert "severity: " in rule, rule


def test_the_dashboard_s_panels_stand_beside_each_other() -> None:
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        place = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not place & taken, panel["title"]
        taken |= place
        if panel["type"] != "row":
            assert all(target["expr"] for target in panel["targets"])
