"""The API on the Unix socket: GET /topology, /topology/events (server-sent events), /health."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import structlog

from .errors import ConfigError
from .publisher import Publisher

_log = structlog.get_logger("ha_sidecar.api")

#: Seconds a client may take to send its request or to take what it is sent.
CLIENT_TIMEOUT = 5.0
#: Seconds without news after which an event stream sends a comment, to notice who has left.
KEEPALIVE = 5.0


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


class _Handler(BaseHTTPRequestHandler):
    server: Api
    timeout = CLIENT_TIMEOUT
    protocol_version = "HTTP/1.1"
    server_version = "ha-sidecar"
    sys_version = ""

    def do_GET(self) -> None:
        document = self.server.publisher.document
        if self.path == "/topology/events":
            self._follow()
        elif self.path == "/topology":
            if document is None:
                self._answer(503, b'{"error": "nothing published yet"}\n')
            else:
                self._answer(200, document)
        elif self.path == "/health":
            status, body = health(document)
            self._answer(status, json.dumps(body).encode() + b"\n", "application/health+json")
        else:
            self._answer(404, b'{"error": "ask /topology, /topology/events or /health"}\n')

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
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
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug("request", detail=format % args)


class Api(ThreadingMixIn, UnixStreamServer):
    """The server: one thread a client, at most ``clients`` of them.

    Raises ConfigError when the socket can't be made or another sidecar listens on it.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, path: Path, mode: int, clients: int, publisher: Publisher) -> None:
        self.publisher = publisher
        self._path = path
        self._mode = mode
        self._places = threading.BoundedSemaphore(clients)
        self._thread: threading.Thread | None = None
        _remove_stale(path)
        try:
            super().__init__(str(path), _Handler)
        except OSError as error:
            raise ConfigError(
                f"socket_path: {path} can't be made ({error.strerror or error}); it should be in a"
                " directory that the sidecar's user may write to, and at most 107 bytes long"
            ) from None

    def server_bind(self) -> None:
        # Nobody may connect between bind and chmod.
        before = os.umask(0o777)
        try:
            super().server_bind()
        finally:
            os.umask(before)
        self._path.chmod(self._mode)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            _log.warning("too many clients of the socket", setting="socket_clients")
            request.settimeout(0.5)
            with contextlib.suppress(OSError):
                # The request has to be taken, or closing would reset the answer away.
                request.recv(65536)
            with contextlib.suppress(OSError):
                request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("client left", exc_info=True)

    def begin(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.2,), name="api", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Stop serving and remove the socket."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join(2.0)
        self.server_close()
        self._path.unlink(missing_ok=True)


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
