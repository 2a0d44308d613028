"""Where alerts arrive: a real HTTP server on loopback that remembers what it is sent."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from .addresses import free_port, next_address, wait_until


@dataclass(frozen=True)
class Arrival:
    """One message. ``kind`` is raised, cleared or test; ``at`` is of the monotonic clock."""

    kind: str
    alert: str
    text: str
    at: float


class Webhook:
    """Entering serves, leaving stops. ``url`` is apprise's. While ``refuses`` it answers 500."""

    def __init__(self) -> None:
        arrivals: list[Arrival] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(500 if webhook.refuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if not webhook.refuses:
                    arrivals.append(_arrival(body["title"], body["message"]))

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.refuses = False
        self.arrivals = arrivals
        address = next_address()
        self._server = ThreadingHTTPServer((address, free_port(address)), Handler)
        self._server.daemon_threads = True
        self.url = "json://{}:{}/hook".format(*self._server.server_address)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Webhook:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def heard(self) -> list[tuple[str, str]]:
        """What has arrived so far."""
        return [(one.kind, one.alert) for one in self.arrivals]

    def wait_for(self, kind: str, alert: str, *, timeout: float = 60.0) -> Arrival:
        """Wait until this has arrived, exactly once."""
        try:
            wait_until(
                lambda: (kind, alert) in self.heard(), timeout=timeout, what=f"{alert} {kind}"
            )
        except TimeoutError as error:
            raise AssertionError(f"{error}; arrived: {self.heard()}") from None
        found = [one for one in self.arrivals if (one.kind, one.alert) == (kind, alert)]
        assert len(found) == 1, self.heard()
        return found[0]

    def forget(self) -> None:
        self.arrivals.clear()


def _arrival(title: str, message: str) -> Arrival:
    """Titles are ``[scope] severity: alert`` and ``[scope] cleared: alert``."""
    word, _, alert = title.partition("] ")[2].partition(": ")
    kind = word if word in ("cleared", "test") else "raised"
    return Arrival(kind, alert, message, time.monotonic())
