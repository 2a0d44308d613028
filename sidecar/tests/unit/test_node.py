"""What balancers are told of a node: the decision table, and the drain file."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ha_sidecar.cli import main
from ha_sidecar.node import Answer, Switch, judge, read_switch, weight

NOW, MAX_AGE = 1000.0, 5.0


def answer(status: str, age: float = 0.5, free: int | None = None) -> Answer:
    return Answer(NOW - age, status, free=free, workers=None if free is None else 4)


@pytest.mark.parametrize(
    ("switch", "seen", "status", "agent"),
    [
        (Switch.OFF, answer("pass"), "pass", "up ready 100%"),
        (Switch.OFF, answer("pass", free=4), "pass", "up ready 100%"),
        (Switch.OFF, answer("pass", free=3), "pass", "up ready 75%"),
        (Switch.OFF, answer("pass", free=0), "pass", "up ready 1%"),
        (Switch.OFF, answer("warn", free=0), "warn", "up ready 100%"),
        (Switch.OFF, answer("fail"), "fail", "down"),
        (Switch.OFF, answer("nonsense"), "fail", "down"),
        (Switch.OFF, answer("pass", age=5.1), "fail", "down"),
        (Switch.OFF, answer("warn", age=5.1), "fail", "down"),
        (Switch.OFF, None, "fail", "down"),
        (Switch.DRAIN, answer("pass"), "fail", "drain"),
        (Switch.DRAIN, None, "fail", "drain"),
        (Switch.MAINT, answer("warn"), "fail", "maint"),
    ],
)
def test_the_table(switch: Switch, seen: Answer | None, status: str, agent: str) -> None:
    found = judge(switch, seen, NOW, MAX_AGE)
    assert (found.status, found.agent) == (status, agent)


def test_only_a_young_good_answer_of_a_node_that_isn_t_drained_is_up() -> None:
    """The invariant, over all combinations."""
    for switch, status, age in itertools.product(Switch, ("pass", "warn", "fail"), (0.0, 5.0, 5.1)):
        found = judge(switch, answer(status, age), NOW, MAX_AGE)
        good = switch is Switch.OFF and status != "fail" and age <= MAX_AGE
        assert (found.status != "fail") == good == found.agent.startswith("up ready")


def test_the_weight_never_drains() -> None:
    weights = [weight(Answer(NOW, "pass", free=free, workers=300)) for free in range(-1, 302)]
    assert min(weights) == 1
    assert max(weights) == 100
    assert weight(Answer(NOW, "pass", free=1, workers=0)) == 100


@pytest.mark.parametrize(
    ("text", "switch"),
    [(None, "off"), ("drain\n", "drain"), ("maint\n", "maint"), ("", "drain"), ("?", "drain")],
)
def test_what_the_file_says(text: str | None, switch: str) -> None:
    assert read_switch(text) == switch


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "sidecar.toml"
    config.write_text(
        f'scope = "x"\netcd_endpoints = ["http://127.0.0.1:1"]\n'
        f'topology_path = "{tmp_path}/topology.json"\n'
    )
    file = tmp_path / "drain"
    told = ["--config", str(config)]
    assert main(["drain", *told]) == 0
    assert read_switch(file.read_text()) is Switch.DRAIN
    since = file.stat().st_mtime_ns
    assert main(["drain", *told]) == 0
    assert file.stat().st_mtime_ns == since
    assert main(["drain", "--maintenance", *told]) == 0
    assert read_switch(file.read_text()) is Switch.MAINT
    assert main(["undrain", *told]) == 0
    assert main(["undrain", *told]) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["sidecar.toml"]
    capsys.readouterr()
    assert main(["drain", *told, "--drain-path", f"{tmp_path}/missing/drain"]) == 78
    assert "drain_path" in capsys.readouterr().err
