"""Hands messages to apprise: one thread, every wait bounded, tried again until somebody got them."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog

from ..config import read_lines
from ..errors import ConfigError
from .decide import Message

_log = structlog.get_logger("ha_sidecar.alerts")

#: Seconds between attempts: the first, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
#: Seconds after which a message is given up: by then it is history.
GIVEN_UP_AFTER = 3600.0
#: Seconds that a service may be silent.
TIMEOUT = 5.0

_MISSING = (
    "alert_urls_file: sending needs the Python package apprise: pip install 'ha-sidecar[alerts]'"
)


def apprise_module() -> ModuleType:
    """Raises ConfigError when it isn't installed."""
    try:
        # What it and its hundred plugins import is partly deprecated: not for this command's users.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import apprise  # noqa: PLC0415 (optional, and slow to import)

            apprise.Apprise.instantiate("json://localhost")
    except ImportError:
        raise ConfigError(_MISSING) from None
    # It logs URLs with their passwords at some levels.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    return apprise


class Target:
    """One URL of the file. ``name`` tells it apart without telling it: URLs hold passwords."""

    def __init__(self, url: str) -> None:
        scheme = url.partition("://")[0]
        self.name = f"{scheme} {hashlib.sha256(url.encode()).hexdigest()[:8]}"
        self._url = url

    def send(self, title: str, body: str, *, bad: bool) -> bool:
        """Send it; tell whether it was taken."""
        apprise = apprise_module()
        asset = apprise.AppriseAsset(app_id="Odoo HA", async_mode=False)
        plugin = apprise.Apprise.instantiate(self._url, asset=asset, suppress_exceptions=True)
        if plugin is None:
            return False
        plugin.socket_connect_timeout = plugin.socket_read_timeout = TIMEOUT
        kind = apprise.NotifyType.FAILURE if bad else apprise.NotifyType.SUCCESS
        try:
            return bool(plugin.notify(title=title, body=body, notify_type=kind))
        except Exception as error:  # a plugin may raise whatever it likes
            _log.debug("a service refused", target=self.name, error=type(error).__name__)
            return False


def targets(path: Path | None) -> list[Target]:
    """Read the URLs, one a line, ``#`` begins a comment. Raises ConfigError, without their text."""
    if path is None:
        return []
    found = [Target(url) for url in read_lines("alert_urls_file", path)]
    apprise = apprise_module()
    for number, target in enumerate(found, 1):
        if apprise.Apprise.instantiate(target._url, suppress_exceptions=True) is None:
            raise ConfigError(
                f"alert_urls_file: URL {number} in {path} is none that apprise knows"
                " (such as pover://user@token, tgram://token/chat, mailto://…, json://host/path)"
            )
    return found


def check_cheaply(path: Path | None) -> None:
    """Raise ConfigError for what is wrong with the file at first sight.

    apprise itself takes seconds to import: the start of a sidecar must not wait for it.
    """
    if path is not None:
        read_lines("alert_urls_file", path)
        if find_spec("apprise") is None:
            raise ConfigError(_MISSING)


def subject(message: Message, scope: str) -> tuple[str, str]:
    """Return the title and the body."""
    if message.kind == "cleared":
        return f"[{scope}] cleared: {message.alert}", f"No longer so: {message.text}"
    return f"[{scope}] {message.severity}: {message.alert}", message.text


class Sender(threading.Thread):
    """Sends what it is given, in order; calls ``on_sent`` with the number of what all targets took.

    A message that one of several targets refuses is tried again at that one alone.
    """

    def __init__(self, scope: str, urls_file: Path | None, on_sent: Callable[[int], None]) -> None:
        super().__init__(name="alert sender", daemon=True)
        self._scope = scope
        self._urls_file = urls_file
        self._on_sent = on_sent
        self._news = threading.Condition()
        self._waiting: dict[int, Message] = {}
        self._done: set[int] = set()
        self._taken: dict[int, set[str]] = {}
        self._ending = False
        #: Why the last attempt failed, for people; None when it went well.
        self.problem: str | None = None

    def aim(self, messages: Sequence[Message]) -> None:
        """These, and no others, are to be sent."""
        with self._news:
            numbers = {one.number for one in messages}
            # What was sent a moment ago may still be among them.
            self._done &= numbers
            self._waiting = {one.number: one for one in messages if one.number not in self._done}
            self._taken = {key: value for key, value in self._taken.items() if key in numbers}
            self._news.notify_all()

    def end(self) -> None:
        with self._news:
            self._ending = True
            self._news.notify_all()

    def run(self) -> None:
        try:
            # Now, and not when the first alert is due.
            targets(self._urls_file)
        except ConfigError as error:
            self._complain(str(error))
        pause = FIRST_PAUSE
        while True:
            with self._news:
                self._news.wait_for(lambda: self._ending or bool(self._waiting))
                if self._ending:
                    return
                messages = sorted(self._waiting.values(), key=lambda one: one.number)
            failed: set[str] = set()
            done = [message for message in messages if self._try(message, failed)]
            with self._news:
                if len(done) == len(messages):
                    pause = FIRST_PAUSE
                    continue
                self._news.wait_for(lambda: self._ending, timeout=pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _try(self, message: Message, failed: set[str]) -> bool:
        """Send one message to who hasn't got it; tell whether that is done.

        Who is in ``failed`` isn't asked: it would get a later message before an earlier one.
        """
        try:
            known = targets(self._urls_file)
        except ConfigError as error:
            self._complain(str(error))
            return False
        title, body = subject(message, self._scope)
        taken = self._taken.setdefault(message.number, set())
        for target in known:
            if target.name in taken or target.name in failed:
                continue
            if target.send(title, body, bad=message.kind == "raised"):
                taken.add(target.name)
            else:
                failed.add(target.name)
        missing = [target.name for target in known if target.name not in taken]
        if missing and time.time() - message.at < GIVEN_UP_AFTER:
            self._complain(f"{', '.join(missing)} did not take it")
            return False
        if missing:
            _log.error("an alert could not be sent", alert=message.alert, targets=missing)
        elif known:
            self.problem = None
            _log.info("alert sent", kind=message.kind, alert=message.alert, targets=len(known))
        with self._news:
            self._done.add(message.number)
            self._waiting.pop(message.number, None)
        self._on_sent(message.number)
        return True

    def _complain(self, problem: str) -> None:
        if problem != self.problem:
            _log.error("alerts can't be sent; trying on", setting="alert_urls_file", error=problem)
        self.problem = problem


def send_test(scope: str, urls_file: Path | None) -> dict[str, Any]:
    """Send a test message to each target at once; return who took it. Raises ConfigError."""
    if urls_file is None:
        raise ConfigError("alert_urls_file is not set: there is nobody to send to")
    title, body = f"[{scope}] test", "This is a test of the alerts of Odoo HA."
    return {one.name: one.send(title, body, bad=False) for one in targets(urls_file)}
