"""Sending by apprise to real webhooks on loopback: once to each, in order, over refusals."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog

from ha_sidecar.alerts import sender
from ha_sidecar.alerts.decide import Message
from ha_sidecar.alerts.sender import Sender, send_test, targets
from ha_sidecar.errors import ConfigError
from tests.servers.addresses import wait_until
from tests.servers.webhook import Webhook

LONG = 20


def message(number: int, kind: str = "raised") -> Message:
    return Message(number, kind, f"a{number}", "critical", "text", time.time())


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Webhook, Webhook]]:
    monkeypatch.setattr(sender, "FIRST_PAUSE", 0.05)
    with ExitStack() as running:
        yield running.enter_context(Webhook()), running.enter_context(Webhook())


def urls(path: Path, *hooks: Webhook) -> Path:
    path.write_text("".join(f"# one\n{hook.url}?token=very-secret\n" for hook in hooks))
    return path


def test_each_target_gets_each_message_once_and_in_order(
    hooks: tuple[Webhook, Webhook], tmp_path: Path
) -> None:
    well, ill = hooks
    ill.refuses = True
    sent: list[int] = []
    thread = Sender("demo", urls(tmp_path / "urls", well, ill), sent.append)
    messages = [message(1), message(2), message(3, "cleared")]
    with structlog.testing.capture_logs() as logs:
        thread.start()
        thread.aim(messages)
        wait_until(lambda: len(well.heard()) == 3, timeout=LONG, what="one has all")
        wait_until(lambda: thread.problem is not None, timeout=LONG, what="the other's refusal")
        # The alerter says again and again what is still to be sent.
        for _ in range(20):
            thread.aim(messages)
            time.sleep(0.02)
        assert sent == []
        ill.refuses = False
        wait_until(lambda: sent == [1, 2, 3], timeout=LONG, what="all are sent")
        thread.aim(messages)
        time.sleep(0.3)
        thread.aim(())
        thread.end()
        thread.join(LONG)
    for hook in hooks:
        assert hook.heard() == [("raised", "a1"), ("raised", "a2"), ("cleared", "a3")]
    assert thread.problem is None
    assert "very-secret" not in str(logs)
    assert well.url.removeprefix("json://") not in str(logs)


def test_what_is_old_is_given_up(hooks: tuple[Webhook, Webhook], tmp_path: Path) -> None:
    hooks[0].refuses = True
    sent: list[int] = []
    thread = Sender("demo", urls(tmp_path / "urls", hooks[0]), sent.append)
    thread.start()
    thread.aim([Message(1, "raised", "a", "info", "text", time.time() - 3601)])
    wait_until(lambda: sent == [1], timeout=LONG, what="it is given up")
    thread.end()


def test_a_test_message(hooks: tuple[Webhook, Webhook], tmp_path: Path) -> None:
    hooks[1].refuses = True
    taken = send_test("demo", urls(tmp_path / "urls", *hooks))
    assert sorted(taken.values()) == [False, True]
    assert hooks[0].heard() == [("test", "")]
    assert "very-secret" not in str(taken)


def test_a_wrong_url_is_refused_without_its_text(tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.write_text("json://127.0.0.1/x\nnonsense://user:very-secret@host\n")
    with pytest.raises(
        ConfigError, match=r"alert_urls_file: URL 2 in .* is none that apprise knows"
    ) as e:
        targets(path)
    assert "very-secret" not in str(e.value)
    path.write_text("\n# nothing\n")
    with pytest.raises(ConfigError, match="is empty"):
        targets(path)


def test_without_apprise_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'ha-sidecar\[alerts\]'"):
        sender.apprise_module()
