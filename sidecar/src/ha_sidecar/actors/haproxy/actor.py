"""The driver of one HAProxy: reads how its servers are, performs what ``servers`` says."""

from __future__ import annotations

import contextlib
import socket
import time

import structlog

from ...cluster import Source
from ...errors import ActorError, ProbeError
from ...resolve import Resolver
from ...transitions import Phase
from ..actor import Actor, Published
from .servers import Server, commands, servers_of

_log = structlog.get_logger("ha_sidecar.actors.haproxy")

#: Below the time in which two checks, a usual `rise`, could bring a lowered server back.
INTERVAL = 0.5
#: Longest wait for HAProxy to take and answer one line, connecting included.
TIMEOUT = 1.0
#: No backend's servers take more; what does isn't HAProxy.
MOST_BYTES = 4_000_000

Address = str | tuple[str, int]


class HaproxyActor(Actor):
    """Keeps the servers of ``backend`` right in the HAProxy that listens at ``address``.

    It acts only while the primary is proven and the election is followed; at any other time
    HAProxy's own checks decide alone.
    """

    def __init__(self, address: Address, backend: str, resolver: Resolver) -> None:
        shown = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
        super().__init__(f"haproxy {shown}", interval=INTERVAL)
        self._address = address
        self._backend = backend
        self._resolver = resolver

    def act(self, published: Published) -> bool:
        primary = published.primary
        if primary is None or published.phase is not Phase.STABLE or published.source is Source.SQL:
            return False
        deadline = time.monotonic() + TIMEOUT
        try:
            host = self._resolver.address(primary.host, deadline)
        except ProbeError as error:
            raise ActorError(str(error)) from None
        found = servers_at(self._address, self._backend, deadline)
        wanted = commands(self._backend, found, host, primary.port)
        if not wanted or self.overtaken(published):
            return False
        refused = _ask(self._address, "; ".join(wanted), deadline).strip()
        if refused:
            raise ActorError(
                f"haproxy_sockets: {refused}; its `stats socket` line needs `level admin`"
                if "ermission denied" in refused
                else f"haproxy_sockets: {refused}"
            )
        _log.debug("servers set", actor=self.name, primary=str(primary.target), commands=wanted)
        return True


def servers_at(address: Address, backend: str, deadline: float) -> list[Server]:
    """Return ``backend``'s servers as the HAProxy at ``address`` has them. Raises ActorError."""
    answer = _ask(address, f"show servers state {backend}; show stat {backend} 4 -1", deadline)
    state, header, statistics = answer.partition("# pxname")
    if not header:
        raise ActorError(f"haproxy_backend: {backend}: {answer.strip()}")
    return servers_of(state, header + statistics)


def _ask(address: Address, line: str, deadline: float) -> str:
    """Send one line and return the whole answer. Raises ActorError, at the deadline at last."""
    try:
        return _exchange(address, line, deadline)
    except OSError as error:
        raise ActorError(f"haproxy_sockets: {error.strerror or error}") from None


def _exchange(address: Address, line: str, deadline: float) -> str:
    family = socket.AF_UNIX
    if not isinstance(address, str):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    answer = bytearray()
    with contextlib.closing(socket.socket(family)) as link:
        link.settimeout(_remaining(deadline))
        link.connect(address)
        link.sendall(line.encode() + b"\n")
        while True:
            link.settimeout(_remaining(deadline))
            part = link.recv(65536)
            if not part:
                return answer.decode(errors="replace")
            answer += part
            if len(answer) > MOST_BYTES:
                raise OSError("the answer has no end; is this HAProxy's socket?")


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("no answer in time")
    return remaining
