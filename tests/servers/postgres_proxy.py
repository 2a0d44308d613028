"""A proxy before PostgreSQL that understands its protocol and cuts a link at a chosen point of COMMIT.

It reads message by message, in both directions, so "after the server said that it is committed,
before the client heard it" is a place, not a matter of luck. One cut is armed at a time; it names
the transaction by a text in one of its statements.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

from .addresses import free_port, next_address

#: What a client asks before its startup message: TLS or GSS encryption? The answer is no.
_ENCRYPTION_REQUESTS = {80877103, 80877104}
_CANCEL_REQUEST = 80877102
_LOOK_S = 0.5


class Point(Enum):
    """Where in a COMMIT the link is cut."""

    BEFORE = "the COMMIT is not sent on"
    SENT = "the COMMIT is sent on, and both sides are cut at once"
    WAITING = "the COMMIT is sent on; the test cuts while the server is at it"
    FLUSHED = "the server said that it is committed; the client hears nothing"
    REPLY = "the client hears half of the answer"


class Manner(Enum):
    """How the link ends, on both sides."""

    FIN = "orderly"
    RST = "reset"
    SILENCE = "both stay open and nothing passes any more"


@dataclass
class Cut:
    """One cut to come. ``reached`` is set when the transaction came to the point, ``done`` when
    the link was cut there."""

    text: bytes
    point: Point
    manner: Manner
    reached: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    #: for WAITING: set by the test
    now: threading.Event = field(default_factory=threading.Event)


class PostgresProxy:
    """Entering listens on a loopback address of its own, leaving ends every link.

    ``target`` (address, port) is where *new* links go; a test changes it when it fails over.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.address = next_address()
        self.port = free_port(self.address)
        self._listener = socket.socket()
        self._armed: Cut | None = None
        self._closing = threading.Event()
        self._links: list[_Link] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def arm(self, text: str, point: Point, manner: Manner) -> Cut:
        """Cut the next COMMIT of a transaction in which a statement contains ``text``."""
        self._armed = Cut(text.encode(), point, manner)
        return self._armed

    def heal(self) -> None:
        """Close what a silent cut left open."""
        for link in list(self._links):
            if link.silent:
                link.end(Manner.FIN)

    def fired(self, cut: Cut) -> bool:
        """Take the armed cut; False when another link was first."""
        if self._armed is not cut:
            return False
        self._armed = None
        return True

    @property
    def armed(self) -> Cut | None:
        return self._armed

    def __enter__(self) -> Self:
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.address, self.port))
        self._listener.listen(64)
        self._listener.settimeout(_LOOK_S)
        self._accepting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._accepting.join()
        self._listener.close()
        for link in list(self._links):
            link.end(Manner.FIN)
            link.thread.join()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                server = socket.create_connection(self.target, timeout=5)
            except OSError:
                _close(client, Manner.RST)
                continue
            self._links = [link for link in self._links if link.thread.is_alive()]
            link = _Link(self, client, server)
            self._links.append(link)
            link.thread.start()


class _Link:
    """One client's connection and the one made for it, in a thread of their own."""

    def __init__(self, proxy: PostgresProxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy = proxy
        self.client, self.server = client, server
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.settimeout(10)
        self.silent = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self._ended = threading.Event()
        self._from_client = bytearray()
        self._from_server = bytearray()
        self._started = False
        self._cut: Cut | None = None  # the armed one, once its text was seen in this transaction
        self._committing = False

    def end(self, manner: Manner) -> None:
        self._ended.set()
        _close(self.client, manner)
        _close(self.server, manner)

    def _run(self) -> None:
        # The cut's thread may close the sockets under us, as a real end of a link does.
        with closing(self.client), closing(self.server), suppress(OSError, ValueError):
            while not self._ended.is_set():
                waiting = [] if self.silent else [self.client, self.server]
                if self.silent:
                    self._ended.wait(_LOOK_S)
                    continue
                readable, _, _ = select.select(waiting, [], [], 0.01 if self._committing else 0.2)
                if self._committing and self._cut and self._cut.now.is_set():
                    self._perform()
                    continue
                if self.client in readable and not self._receive(self.client, self._from_client):
                    break
                if self.server in readable and not self._receive(self.server, self._from_server):
                    break
                self._pass_on()

    def _receive(self, source: socket.socket, buffer: bytearray) -> bool:
        data = source.recv(65536)
        buffer += data
        return bool(data)

    def _pass_on(self) -> None:
        for message in self._client_messages():
            if self._is_target_commit(message):
                self._commit(message)
            else:
                self.server.sendall(message)
            if self._ended.is_set() or self.silent:
                return
        if not self._started:
            # Nothing to look for yet, and the server's first answers come after the startup.
            return
        for message in _frames(self._from_server):
            self._answer(message)
            if self._ended.is_set() or self.silent:
                return

    def _client_messages(self) -> Iterator[bytes]:
        while not self._started and len(self._from_client) >= 8:
            length, code = struct.unpack("!ii", self._from_client[:8])
            if len(self._from_client) < length:
                return
            message = bytes(self._from_client[:length])
            del self._from_client[:length]
            if code in _ENCRYPTION_REQUESTS:
                self.client.sendall(b"N")
                continue
            self._started = code != _CANCEL_REQUEST
            yield message
        if self._started:
            yield from _frames(self._from_client)

    def _is_target_commit(self, message: bytes) -> bool:
        if message[:1] != b"Q":
            return False
        statement = message[5:].rstrip(b"\0").strip().upper()
        if statement.startswith((b"BEGIN", b"ROLLBACK")) and b"SAVEPOINT" not in statement:
            self._cut = None
        armed = self.proxy.armed
        if armed and armed.text in message:
            self._cut = armed
        return (
            self._cut is not None
            and statement.rstrip(b"; ").endswith(b"COMMIT")
            and self.proxy.fired(self._cut)
        )

    def _commit(self, message: bytes) -> None:
        assert self._cut is not None
        if self._cut.point is Point.BEFORE:
            self._perform()
            return
        self.server.sendall(message)
        if self._cut.point is Point.SENT:
            self._perform()
        else:
            self._committing = True
            if self._cut.point is Point.WAITING:
                self._cut.reached.set()

    def _answer(self, message: bytes) -> None:
        if self._committing and self._cut and message[:1] == b"C" and b"COMMIT" in message:
            if self._cut.point is Point.FLUSHED:
                self._perform()
                return
            if self._cut.point is Point.REPLY:
                self.client.sendall(message)
                self._perform()
                return
        if self._committing and message[:1] == b"Z":
            self._committing, self._cut = False, None
        self.client.sendall(message)

    def _perform(self) -> None:
        cut, self._cut, self._committing = self._cut, None, False
        assert cut is not None
        if cut.manner is Manner.SILENCE:
            self.silent = True
        else:
            self.end(cut.manner)
        cut.reached.set()
        cut.done.set()


def _frames(buffer: bytearray) -> Iterator[bytes]:
    """Take every whole message off the buffer: a type, a length, a body."""
    while len(buffer) >= 5:
        (length,) = struct.unpack("!i", buffer[1:5])
        if len(buffer) < 1 + length:
            return
        message = bytes(buffer[: 1 + length])
        del buffer[: 1 + length]
        yield message


def _close(link: socket.socket, manner: Manner) -> None:
    with suppress(OSError):
        if manner is Manner.RST:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            link.shutdown(socket.SHUT_RDWR)
        link.close()
