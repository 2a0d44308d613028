"""One thread in each process that follows the topology document.

It starts lazily, after the fork, at the first borrow of a connection. On a new epoch it shuts down
the sockets of connections that belong to an older one, so that a query on a hung server ends at
once instead of at the end of its timeouts.
"""

import logging
import os
import threading
import time
from pathlib import Path

from odoo import sql_db
from odoo.addons.ha_base import background
from odoo.addons.ha_base.settings import current

from .. import caches
from ..gate.link import remembered, shut_down
from ..settings import Settings
from . import Topology, TopologyError, parse

_logger = logging.getLogger(__name__)


class Watcher:
    """Follows one file; safe to ask from any thread of its process."""

    def __init__(self, settings: Settings) -> None:
        self.pid = os.getpid()
        self.changed = threading.Condition()
        self._settings = settings
        self._path = Path(settings.topology_path)
        self._seen: tuple[int, int, int] | None = None
        self._topology: Topology | None = None
        self._epoch: int | None = None
        self._timeline: int | None = None
        self._replayed: dict[str, int] = {}
        self._complained = ""

    def start(self) -> None:
        """Read the document once, then go on following it in the background."""
        self.look()
        background.start(self._run, "ha_failover.topology")

    def topology(self) -> Topology | None:
        """The document, or None when there is none that is fresh."""
        topology = self._topology
        if topology and topology.fresh(time.time(), self._settings.topology_max_age):
            return topology
        return None

    def wait(self, timeout: float) -> None:
        """Sleep until the document changes, ``timeout`` seconds at most."""
        with self.changed:
            self.changed.wait(timeout)

    def look(self) -> None:
        """Re-read the document when the file is another one than last time."""
        try:
            stat = self._path.stat()
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if seen == self._seen:
                return
            topology = parse(self._path.read_bytes())
        except FileNotFoundError:
            return  # no sidecar (yet): the last document ages
        except (OSError, TopologyError) as error:
            self._complain(f"{self._path}: {error}")
            return
        self._complained = ""
        self._seen = seen
        move = self._move(topology)
        if move:
            caches.distrust(move)  # before anybody can be on the new primary
        with self.changed:
            before, self._topology = self._topology, topology
            if before is None or (before.epoch, before.state) != (topology.epoch, topology.state):
                self.changed.notify_all()
        if self._epoch is not None and topology.epoch > self._epoch:
            ended = end_older_than(topology.epoch)
            _logger.info(
                "Database primary is now %s (epoch %d); ended %d connections of older epochs",
                topology.primary.name if topology.primary else "unknown",
                topology.epoch,
                ended,
            )
        self._epoch = topology.epoch
        if move:
            caches.distrust(move)  # again, now that nobody can be on the old one

    def _move(self, topology: Topology) -> caches.Move | None:
        """How the primary came to another timeline than the last one's; None if it didn't."""
        before, primary = self._timeline, topology.primary
        move = None
        if primary and primary.timeline != before:
            self._timeline = primary.timeline
            if before is not None:
                move = caches.Move(before, primary.timeline, self._replayed.get(primary.name, 0))
            self._replayed = {}
        if self._timeline is not None:
            for name, position in caches.replayed(topology.document, self._timeline).items():
                self._replayed[name] = max(position, self._replayed.get(name, 0))
        return move

    def _run(self) -> None:
        while True:
            try:
                self.look()
            except Exception:
                # Without this thread a node would follow no failover: it must not die.
                _logger.exception("Following %s failed; goes on", self._path)
            time.sleep(self._settings.topology_poll_interval)

    def _complain(self, message: str) -> None:
        if message != self._complained:
            _logger.warning("Topology document ignored: %s", message)
        self._complained = message


_watcher: Watcher | None = None
_lock = threading.Lock()


def watcher() -> Watcher:
    """The watcher of this process, started at the first call after a fork."""
    global _watcher, _lock  # noqa: PLW0603 (one per process is the point)
    found = _watcher
    if found is not None and found.pid == os.getpid():
        return found
    if found is not None:
        _lock = threading.Lock()  # the inherited one may have been held at the fork
    with _lock:
        if _watcher is None or _watcher.pid != os.getpid():
            new = Watcher(current(Settings))
            new.start()
            _watcher = new
        return _watcher


def end_older_than(epoch: int) -> int:
    """Shut down the links that were made before ``epoch``; return how many."""
    # Odoo connects before it loads server-wide modules: those connections only the pool knows.
    pooled = sql_db._Pool._connections if sql_db._Pool else ()
    ended = 0
    for connection in {*pooled, *remembered()}:
        made_in = getattr(connection, "_ha_epoch", None)
        if not connection.closed and (made_in is None or made_in < epoch):
            ended += shut_down(connection)
    return ended
