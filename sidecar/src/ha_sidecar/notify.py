"""Tells systemd how the service does (sd_notify), when systemd asks for it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends to ``NOTIFY_SOCKET``; does nothing without it. Never raises, never blocks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = _watchdog_seconds(environment)
        self._fed_at: float | None = None

    def ready(self) -> None:
        self._send("READY=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={text}")

    def feed(self, now: float) -> None:
        """Call this as often as you like; the watchdog is fed at a third of its time."""
        if self._watchdog is None:
            return
        if self._fed_at is None or now - self._fed_at >= self._watchdog / 3:
            self._fed_at = now
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(message.encode(), self._address)


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    try:
        if int(environment.get("WATCHDOG_PID", os.getpid())) != os.getpid():
            return None
        return int(environment["WATCHDOG_USEC"]) / 1_000_000
    except (KeyError, ValueError):
        return None
