"""The network link below a connection: known from the moment it is made, ended from any thread."""

import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2

_lock = threading.Lock()
_made: weakref.WeakSet[Any] = weakref.WeakSet()


def remember(connection: Any) -> None:
    """Let the watcher end this connection too, whoever uses it: a pool, or nobody yet."""
    with _lock:
        _made.add(connection)


def remembered() -> list[Any]:
    with _lock:
        return list(_made)


def shut_down(connection: Any) -> bool:
    """End the link, so that a thread that waits for its server's answer gets an error at once.

    False when it was closed already.
    """
    # shutdown() acts on the link itself, whichever descriptor it is called on, and wakes the thread
    # that reads from it; close() would not.
    with suppress(OSError, psycopg2.Error):
        with socket.socket(fileno=os.dup(connection.fileno())) as link:
            link.shutdown(socket.SHUT_RDWR)
        return True
    return False


@contextmanager
def ends_at(connection: Any, deadline: float) -> Iterator[None]:
    """End the link at ``deadline`` (monotonic) if its user still waits for the server then.

    No timeout of the server's bounds a hung server, nor a COMMIT's wait for its standby.
    """
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), shut_down, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
