"""Background threads of a server process."""

import signal
import threading
from collections.abc import Callable

import odoo


def start(target: Callable[[], None], name: str) -> threading.Thread:
    """Start a daemon thread (a greenlet in the gevent process) that takes no signals.

    Odoo's processes wait for signals in their main thread; one that another thread took would
    wake nobody there. Call it in the process that shall have the thread, after the fork.
    """
    thread = threading.Thread(target=target, name=name, daemon=True)
    if getattr(odoo, "evented", False):
        thread.start()  # the mask of a greenlet would be the whole process's
        return thread
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()  # inherits the mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return thread
