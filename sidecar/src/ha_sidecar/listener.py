"""What listens: one thread a client, at most so many, on a socket of any kind or on TCP."""

from __future__ import annotations

import contextlib
import hmac
import socket
import threading
from collections.abc import Callable
from socketserver import BaseRequestHandler, BaseServer, TCPServer, ThreadingMixIn
from typing import Any

import structlog

from .errors import ConfigError

_log = structlog.get_logger("ha_sidecar.api")

#: Seconds a client may take to send its request or to take what it is sent.
CLIENT_TIMEOUT = 5.0


class Listener(ThreadingMixIn, BaseServer):
    """One thread a client, at most ``clients`` of them."""

    daemon_threads = True
    block_on_close = False
    setting: str
    _places: threading.BoundedSemaphore
    _thread: threading.Thread | None = None

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            _log.warning("too many clients of the API", setting="socket_clients", of=self.setting)
            self.refuse(request)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def refuse(self, request: Any) -> None:
        """Tell a client that there are too many."""
        request.settimeout(0.5)
        with contextlib.suppress(OSError):
            # The request has to be taken, or closing would reset the answer away.
            request.recv(65536)
        with contextlib.suppress(OSError):
            request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

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
            target=self.serve_forever, args=(0.2,), name=f"api {self.setting}", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Stop serving."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join(2.0)
        self.server_close()


class TcpListener(Listener, TCPServer):
    """Listens on ``address``, an IP address and a port. Raises ConfigError when it can't."""

    request_queue_size = 64
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], handler: type[BaseRequestHandler], clients: int
    ) -> None:
        # Strangers must not be able to take the Unix socket's places.
        self._places = threading.BoundedSemaphore(clients)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            super().__init__(address, handler)
        except OSError as error:
            raise ConfigError(
                f"{self.setting}: {address[0]}:{address[1]} can't be taken ({error.strerror});"
                " it should be an address of this host and a port that nobody listens on"
            ) from None


def sends_token(given: str | None, token: Callable[[], str]) -> bool:
    """Tell whether ``Authorization: given`` has the token; compared in constant time."""
    scheme, _, sent = (given or "").partition(" ")
    try:
        known = token()
    except ConfigError as error:
        _log.error("nobody is let in", error=str(error))
        return False
    same = hmac.compare_digest(sent.strip().encode(errors="replace"), known.encode())
    return same and scheme.lower() == "bearer"
