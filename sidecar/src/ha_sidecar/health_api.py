"""What balancers ask: ``/web/health`` as Odoo answers it, and HAProxy's agent check.

Both answer from memory, so that busy workers can't fail them. Neither tells strangers more than
whether the node may get requests.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import StreamRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .listener import CLIENT_TIMEOUT, TcpListener, sends_token
from .node_watch import NodeWatcher

PROBES = ("ready", "live", "startup")


def health(node: NodeWatcher, probe: str, now: float) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return the answer to strangers. ``probe`` is as in Odoo's own ``/web/health``."""
    if probe not in PROBES:
        text = f"probe must be one of {', '.join(PROBES)}"
        return HTTPStatus.BAD_REQUEST, {"status": "fail", "output": text}
    answer = node.sight.answer
    if probe == "ready":
        status = node.verdict(now).status
    elif probe == "live":
        status = "pass" if node.is_current(now) else "fail"
    else:
        status = "pass" if answer is not None and answer.ready_once else "fail"
    code = HTTPStatus.SERVICE_UNAVAILABLE if status == "fail" else HTTPStatus.OK
    return code, {"status": status}


def details(node: NodeWatcher, now: float, clock: float) -> dict[str, Any]:
    """Return the other members of draft-inadarei-api-health-check-06's object."""
    known = node.status(now)
    age = known["age_seconds"]
    seen_at = datetime.fromtimestamp(clock - (age or 0.0), UTC).isoformat(timespec="milliseconds")
    check = {"componentType": "component", "time": seen_at, "ageSeconds": age}
    return {
        "output": known["output"],
        "checks": {
            "odoo:health": [{**check, "observedValue": known["status"], "status": known["status"]}],
            "node:switch": [{**check, "observedValue": known["switch"]}],
            "workers:free": [{**check, "observedValue": known["workers_free"]}],
        },
    }


class _HealthHandler(BaseHTTPRequestHandler):
    server: HealthApi
    timeout = CLIENT_TIMEOUT
    protocol_version = "HTTP/1.1"
    server_version = "ha-sidecar"
    sys_version = ""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.rstrip("/") not in ("/web/health", "/health"):
            self._answer(HTTPStatus.NOT_FOUND, {"error": "ask /web/health"}, "application/json")
            return
        now, clock = time.monotonic(), time.time()
        probe = parse_qs(parts.query, keep_blank_values=True).get("probe", ["ready"])[-1]
        status, body = health(self.server.node, probe, now)
        kind = "application/json"
        if self.server.admits(self.headers.get("Authorization")):
            body = details(self.server.node, now, clock) | body
            kind = "application/health+json"
        self._answer(status, body, kind)

    do_HEAD = do_GET  # noqa: N815 (http.server's name)

    def _answer(self, status: HTTPStatus, body: dict[str, Any], kind: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def version_string(self) -> str:
        return self.server_version

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: balancers ask each second."""


class _AgentHandler(StreamRequestHandler):
    server: AgentApi
    timeout = CLIENT_TIMEOUT

    def handle(self) -> None:
        self.wfile.write(self.server.node.verdict(time.monotonic()).agent.encode() + b"\n")


class HealthApi(TcpListener):
    """``health_listen``: ``/web/health`` for everybody, its details for who sends the token."""

    setting = "health_listen"

    def __init__(
        self,
        address: tuple[str, int],
        clients: int,
        node: NodeWatcher,
        token: Callable[[], str] | None,
    ) -> None:
        self.node, self._token = node, token
        super().__init__(address, _HealthHandler, clients)

    def admits(self, given: str | None) -> bool:
        """Tell whether the header ``Authorization: given`` opens the details."""
        return self._token is not None and sends_token(given, self._token)


class AgentApi(TcpListener):
    """``agent_listen``: one line for whoever connects, as HAProxy's agent check reads it."""

    setting = "agent_listen"

    def __init__(self, address: tuple[str, int], clients: int, node: NodeWatcher) -> None:
        self.node = node
        super().__init__(address, _AgentHandler, clients)

    def refuse(self, request: Any) -> None:
        """Say nothing: no answer changes nothing in HAProxy."""
