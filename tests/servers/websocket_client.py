"""A browser's websocket to Odoo's bus."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any
from urllib.parse import urlsplit

import websocket

from .odoo_client import OdooClient


class BusClient:
    """The websocket of a user who is logged in; collects the messages of ``ha_test``."""

    def __init__(self, url: str, user: OdooClient) -> None:
        parts = urlsplit(url)
        self.messages: list[str] = []
        self.last = 0
        self.socket = websocket.create_connection(
            f"ws://{parts.netloc}/websocket",
            cookie=f"session_id={user.session_id}",
            origin=url,
            timeout=10,
        )

    def subscribe(self, *channels: str) -> None:
        data = {"channels": list(channels), "last": self.last}
        self.socket.send(json.dumps({"event_name": "subscribe", "data": data}))

    def receive(self, seconds: float) -> list[str]:
        """Read for ``seconds`` at most, until something of ``ha_test`` comes; return all of it."""
        deadline = time.monotonic() + seconds
        before = len(self.messages)
        while len(self.messages) == before and (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(websocket.WebSocketTimeoutException):
                # A ping is answered and given out too: else each would begin the wait anew.
                kind, content = self.socket.recv_data(control_frame=True)
                if kind == websocket.ABNF.OPCODE_TEXT:
                    self._collect(content)
        return self.messages

    def wait_for(self, message: str, *, timeout: float) -> float:
        """Read until ``message`` came; return the seconds it took."""
        started = time.monotonic()
        while message not in self.messages:
            left = timeout - (time.monotonic() - started)
            if left <= 0:
                raise TimeoutError(f"{message!r} did not come within {timeout:g} s")
            self.receive(left)
        return time.monotonic() - started

    def close_code(self, timeout: float) -> int:
        """Read until Odoo closes it; return with which code."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(websocket.WebSocketTimeoutException):
                kind, content = self.socket.recv_data(control_frame=True)
                if kind == websocket.ABNF.OPCODE_CLOSE:
                    return int.from_bytes(content[:2])
        raise TimeoutError(f"it is open after {timeout:g} s")

    def _collect(self, text: Any) -> None:
        for item in json.loads(text):
            self.last = max(self.last, item["id"])
            if item["message"]["type"] == "ha_test":
                self.messages.append(item["message"]["payload"])

    def close(self) -> None:
        self.socket.close()
