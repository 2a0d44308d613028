"""Looks host names up without ever blocking the caller: a name server may hang in an outage."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time

from .errors import ProbeError


class Resolver:
    """Addresses of host names. At most one look-up runs for a name at one time.

    When a look-up doesn't end in time, the address known from the last one serves.
    """

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._known: dict[str, str] = {}
        self._running: set[str] = set()
        self._failed: dict[str, str] = {}

    def address(self, host: str, deadline: float) -> str:
        """Return an IP address of ``host``. Raises ProbeError when none is known in time."""
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            pass
        with self._lock:
            if host not in self._running:
                self._running.add(host)
                self._failed.pop(host, None)
                threading.Thread(
                    target=self._look_up, args=(host,), name=f"resolve {host}", daemon=True
                ).start()
            patience = deadline - time.monotonic()
            # Half of the time is left for connecting by an old address.
            self._lock.wait_for(lambda: host not in self._running, timeout=max(patience / 2, 0))
            if host in self._known:
                return self._known[host]
            reason = self._failed.get(host, "the name server didn't answer in time")
            raise ProbeError(f"host name {host} has no address: {reason}")

    def _look_up(self, host: str) -> None:
        found, reason = None, ""
        try:
            found = str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
        except (OSError, UnicodeError) as error:
            reason = str(error)
        with self._lock:
            self._running.discard(host)
            if found:
                self._known[host] = found
            else:
                self._failed[host] = reason
            self._lock.notify_all()
