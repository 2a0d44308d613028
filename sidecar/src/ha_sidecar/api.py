"""The API: GET /topology, /topology/events (server-sent events), /status, /health, /metrics, and the
pages of other parts; POST for what they may be ordered to do, on the Unix socket only.

On the Unix socket whoever may open it may ask. On TCP everything needs the token, but for one
thing: /health without a token tells a load balancer pass or fail, and no more.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import structlog

from . import __version__
from .errors import ConfigError
from .listener import CLIENT_TIMEOUT, Listener, TcpListener, sends_token
from .metrics import Metrics
from .node_watch import NodeWatcher
from .publisher import Publisher

_log = structlog.get_logger("ha_sidecar.api")

#: Seconds without news after which an event stream sends a comment, to notice who has left.
KEEPALIVE = 5.0
#: An order is a small JSON object; the largest are the checks made in Odoo.
_MOST_BYTES = 1 << 18

#: What another part answers to GET; to POST with a JSON object: the HTTP status and the answer.
Page = Callable[[], Mapping[str, Any]]
Order = Callable[[Mapping[str, Any]], tuple[int, Mapping[str, Any]]]


def health(document: bytes | None) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and body of /health for the latest document. Pure."""
    if document is None:
        return 503, {"status": "fail", "output": "nothing published yet"}
    topology = json.loads(document)
    state, source = topology["state"], topology["source"]
    body = {"state": state, "epoch": topology["epoch"], "source": source}
    if state == "lost":
        return 503, {"status": "fail", "output": "no primary can be proven", **body}
    if state == "switching" or source != "etcd":
        return 200, {"status": "warn", **body}
    return 200, {"status": "pass", **body}


def bare_health(document: bytes | None) -> tuple[int, dict[str, Any]]:
    """Return what strangers are told of /health: 200 pass or 503 fail. Pure."""
    status, _ = health(document)
    return status, {"status": "pass" if status == 200 else "fail"}


class _Handler(BaseHTTPRequestHandler):
    server: ApiListener
    timeout = CLIENT_TIMEOUT
    protocol_version = "HTTP/1.1"
    server_version = "ha-sidecar"
    sys_version = ""

    def do_GET(self) -> None:
        document = self.server.publisher.document
        given = self.headers.get("Authorization")
        if not self.server.admits(given):
            if self.path == "/health" and given is None:
                status, body = bare_health(document)
                self._answer(status, json.dumps(body).encode() + b"\n", "application/health+json")
            else:
                self._answer(401, b'{"error": "send the token: Authorization: Bearer ..."}\n')
        elif self.path == "/topology/events":
            self._follow()
        elif self.path == "/topology":
            if document is None:
                self._answer(503, b'{"error": "nothing published yet"}\n')
            else:
                self._answer(200, document)
        elif self.path == "/status":
            self._answer(200, self.server.status())
        elif self.path == "/health":
            status, body = health(document)
            self._answer(status, json.dumps(body).encode() + b"\n", "application/health+json")
        elif self.path == "/metrics":
            page, kind = self.server.metrics.page(self.headers.get("Accept", ""))
            self._answer(200, page, kind)
        elif self.path in self.server.pages:
            self._answer(200, json.dumps(self.server.pages[self.path]()).encode() + b"\n")
        else:
            known = ["/topology", "/topology/events", "/status", "/health", "/metrics"]
            self._refuse(404, "ask " + ", ".join([*known, *self.server.pages]))

    def do_POST(self) -> None:
        order = self.server.orders.get(self.path)
        if order is None:
            self._refuse(404, "nothing is ordered there")
            return
        try:
            length = int(self.headers.get("Content-Length", ""))
            wanted = json.loads(self.rfile.read(length)) if 0 <= length <= _MOST_BYTES else None
        except ValueError:
            wanted = None
        if not isinstance(wanted, dict):
            self.close_connection = True
            self._refuse(400, "send a small JSON object")
            return
        status, found = order(wanted)
        self._answer(status, json.dumps(found).encode() + b"\n")

    def _refuse(self, status: int, reason: str) -> None:
        self._answer(status, json.dumps({"error": reason}).encode() + b"\n")

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def _follow(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        number = 0
        while True:
            number, document = self.server.publisher.next_after(number, KEEPALIVE)
            if number < 0:
                return
            if document is None:
                self.wfile.write(b":\n\n")
            else:
                self.wfile.write(b"event: topology\nid: %d\ndata: %s\n\n" % (number, document[:-1]))

    def address_string(self) -> str:
        return "unix" if isinstance(self.client_address, (str, bytes)) else self.client_address[0]

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug("request", detail=format % args)


class ApiListener(Listener):
    """What both kinds of socket answer from."""

    publisher: Publisher
    metrics: Metrics
    node: NodeWatcher
    pages: Mapping[str, Page]
    orders: Mapping[str, Order]

    def admits(self, given: str | None) -> bool:
        """Tell whether the header ``Authorization: given`` opens everything."""
        raise NotImplementedError

    def status(self) -> bytes:
        """Return all that this sidecar knows: the topology document, and its own node."""
        document = self.publisher.document
        known = {
            "version": __version__,
            "topology": json.loads(document) if document else None,
            "node": self.node.status(time.monotonic()),
        }
        return json.dumps(known).encode() + b"\n"


class Api(ApiListener, UnixStreamServer):
    """The API on the Unix socket ``path``, for whoever its ``mode`` lets in.

    Raises ConfigError when the socket can't be made or another sidecar listens on it.
    """

    request_queue_size = 64
    setting = "socket_path"

    def __init__(
        self,
        path: Path,
        mode: int,
        clients: int,
        publisher: Publisher,
        metrics: Metrics,
        node: NodeWatcher,
        pages: Mapping[str, Page],
        orders: Mapping[str, Order],
    ) -> None:
        self.publisher, self.metrics, self.node = publisher, metrics, node
        self.pages, self.orders = pages, orders
        self._path = path
        self._mode = mode
        self._places = threading.BoundedSemaphore(clients)
        _remove_stale(path)
        try:
            super().__init__(str(path), _Handler)
        except OSError as error:
            raise ConfigError(
                f"socket_path: {path} can't be made ({error.strerror or error}); it should be in a"
                " directory that the sidecar's user may write to, and at most 107 bytes long"
            ) from None

    def admits(self, given: str | None) -> bool:
        return True

    def server_bind(self) -> None:
        # Nobody may connect between bind and chmod.
        before = os.umask(0o777)
        try:
            super().server_bind()
        finally:
            os.umask(before)
        self._path.chmod(self._mode)

    def end(self) -> None:
        """Stop serving and remove the socket."""
        super().end()
        self._path.unlink(missing_ok=True)


class TcpApi(ApiListener, TcpListener):
    """The API on ``address``, for who sends the token.

    ``token`` is called at each request, so that a new one is taken without a restart.
    """

    setting = "listen"

    def __init__(
        self,
        address: tuple[str, int],
        token: Callable[[], str],
        clients: int,
        publisher: Publisher,
        metrics: Metrics,
        node: NodeWatcher,
        pages: Mapping[str, Page],
    ) -> None:
        self.publisher, self.metrics, self.node = publisher, metrics, node
        self.pages, self.orders = pages, {}
        self._token = token
        super().__init__(address, _Handler, clients)

    def admits(self, given: str | None) -> bool:
        return sends_token(given, self._token)


def _remove_stale(path: Path) -> None:
    """Remove the socket that a killed sidecar left; refuse when one still answers."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno == errno.ECONNREFUSED and path.is_socket():
                path.unlink(missing_ok=True)
                return
            if not path.exists():
                return
            raise ConfigError(
                f"socket_path: {path} is there and no socket of a sidecar; remove it"
            ) from None
    raise ConfigError(f"socket_path: another ha-sidecar listens on {path}; each needs its own")
