"""The rollout's file, what nodes' answers mean, and what the command refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ha_setup.errors import SetupError
from ha_setup.inventory import EXAMPLE
from ha_setup.inventory import read as read_inventory
from ha_setup.rollout import record, settings
from ha_setup.rollout.command import closing, command
from ha_setup.rollout.node import judge
from ha_setup.rollout.state import Look, Outcome, State, Version
from ha_setup.rollout.steps import Step

TEXT = settings.example(read_inventory(EXAMPLE))


def test_the_example_can_be_used() -> None:
    rollout = settings.loads(TEXT, "rollout.yml")
    assert list(rollout.nodes) == ["odoo1", "odoo2"]
    assert rollout.argv("odoo2", "stop") == ["ssh", "root@10.0.0.22", "systemctl", "stop", "odoo"]
    assert (rollout.plan.can_undo, rollout.plan.migrates) == (False, False)
    with pytest.raises(KeyError):
        rollout.argv("odoo1", "undo")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("  stop: ssh", "  stopp: ssh", "stopp", "commands.stopp is no setting"),
        ("10.0.0.22", "10.0.0.21", "nodes:", "odoo1 and odoo2 have the same"),
        ("10.0.0.22", "odoo2.example.com", "example.com}", "an IPv4 address"),
        ("settle: 10s", "settle: 10", "settle", "a duration with its unit"),
        ("http_port: 8069", "http_port: 80690", "http_port: ", "less than or equal to 65535"),
        ("stop odoo", "stop 'odoo", "stop 'odoo", "its quotes closed"),
        ("systemctl start odoo", "start {host}", "start {host}", "{node} or {address}, not {host}"),
    ],
)
def test_what_can_not_be_used_is_refused_with_its_line(
    old: str, new: str, line: str, words: str
) -> None:
    text = TEXT.replace(old, new, 1)
    with pytest.raises(SetupError) as refusal:
        settings.loads(text, "rollout.yml")
    number = next(n for n, each in enumerate(text.splitlines(), 1) if line in each)
    if "have the same" in words:
        number = 1
    assert f"rollout.yml:{number}: " in str(refusal.value) or number == 1
    assert words in str(refusal.value)


def health(**checks: object) -> dict[str, object]:
    named = {name.replace("_", ":"): [{"observedValue": v}] for name, v in checks.items()}
    return {"status": "pass", "checks": named}


@pytest.mark.parametrize(
    ("status", "body", "started", "look"),
    [
        (200, {"status": "pass"}, 200, Look(True, True, True, None, None)),
        (200, {"status": "warn"}, 200, Look(True, True, False, None, None)),
        (503, {"status": "fail"}, 503, Look(True, False, False, None, None)),
        (503, [], 500, Look(True, False, False, None, None)),
        (
            503,
            health(node_draining=True, workers_free=1, workers_all=4),
            200,
            Look(True, True, False, True, 3),
        ),
        (200, health(workers_free=4, workers_all=4), 200, Look(True, True, True, False, 0)),
    ],
)
def test_what_health_means(status: int, body: object, started: int, look: Look) -> None:
    assert judge(status, body, started) == look


def local(tmp_path: Path, more: str = "") -> Path:
    """A file whose nodes are addresses on loopback at which nobody listens."""
    file = tmp_path / "rollout.yml"
    file.write_text(TEXT.replace("10.0.0.2", "127.19.73.2").replace("\n# Run here", f"{more}\n#"))
    return file


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(command, [str(word) for word in words])
    return done.exit_code, str(done.exception or done.output)


def test_the_command_refuses(tmp_path: Path) -> None:
    file = local(tmp_path)
    state = tmp_path / "rollout.yml.state.json"
    assert "can't spare a node: odoo1 does not answer" in run(file)[1]
    assert not state.exists()
    assert "nothing to go on with" in run(file, "--resume")[1]
    stopped = State({"odoo1": Version.NEW, "odoo2": Version.OLD}, outcome=Outcome.STOPPED)
    record.save(state, stopped)
    assert "go on with --resume" in run(file)[1]
    assert "needs the command commands.undo" in run(file, "--undo")[1]
    record.save(state, State({"odoo1": Version.NEW, "odoo9": Version.OLD}))
    assert "should name the same nodes" in run(file, "--resume")[1]
    state.write_text("{}")
    assert "can't be used" in run(file)[1]


def test_a_schema_change_is_announced_and_asks_for_consent(tmp_path: Path) -> None:
    file = local(tmp_path)
    file.write_text(file.read_text().replace("  # migrate:", "  migrate:"))
    record.save(
        tmp_path / "rollout.yml.state.json",
        State({"odoo1": Version.OLD, "odoo2": Version.OLD}, outcome=Outcome.STOPPED),
    )
    code, words = run(file, "--resume")
    assert code != 0
    assert "SCHEMA CHANGE" in words
    assert "--schema-change" in words


def test_the_last_words_say_where_things_stand() -> None:
    left = State(
        {"odoo1": Version.NEW, "odoo2": Version.HALF},
        node="odoo2",
        step=Step.CHANGE,
        outcome=Outcome.FAILED,
        reason="odoo2: change failed: no luck",
    )
    words = " ".join(closing(left, "r.yml"))
    assert "odoo2 is LEFT DRAINED at change, half changed" in words
    assert "new version: odoo1" in words
    assert "--resume goes on" in words
