"""Follows the election in etcd: get all keys, watch from the next revision, never trust silence."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from .cluster import ClusterView
from .errors import Compacted, ConfigError, SourceError, WatchIdle
from .etcd import Access, Endpoint, Reading
from .patroni_keys import view_from_keys

_log = structlog.get_logger("ha_sidecar.election")


@dataclass(frozen=True)
class Sight:
    """What a source shows: the view it last gave, when it was last in touch, what fails."""

    view: ClusterView | None = None
    contact_at: float | None = None
    error: str | None = None

    def is_current(self, now: float, patience: float) -> bool:
        """Tell whether the source works and was heard within ``patience`` seconds."""
        return (
            self.error is None and self.contact_at is not None and now - self.contact_at < patience
        )


class EtcdWatcher(threading.Thread):
    """One thread that keeps ``sight`` up to date and calls ``on_change`` when it changes."""

    def __init__(
        self,
        endpoints: Sequence[str],
        access: Access,
        prefix: str,
        *,
        idle_timeout: float,
        on_change: Callable[[], None],
    ) -> None:
        super().__init__(name="etcd", daemon=True)
        self._endpoints = [Endpoint(url, access) for url in endpoints]
        self._prefix = prefix
        self._idle_timeout = idle_timeout
        self._on_change = on_change
        self._ending = threading.Event()
        self._sight = Sight()
        self._failed_in_a_row = 0
        self._current = 0
        #: How often all keys were read again, by what ended the watch before.
        self.rereads: Counter[str] = Counter()

    @property
    def sight(self) -> Sight:
        return self._sight

    def end(self) -> None:
        self._ending.set()

    def run(self) -> None:
        while not self._ending.is_set():
            endpoint = self._endpoints[self._current]
            started = time.monotonic()
            try:
                reading = endpoint.read(self._prefix)
            except (SourceError, ConfigError) as error:
                self.rereads["unreachable"] += 1
                self._fail(endpoint, error)
            else:
                self._answered(endpoint, reading)
                self._follow(endpoint, reading)
            self._pause(started)
        for endpoint in self._endpoints:
            endpoint.close()

    def _answered(self, endpoint: Endpoint, reading: Reading) -> None:
        if self._failed_in_a_row >= len(self._endpoints):
            _log.info("etcd answers", endpoint=endpoint.url, revision=reading.revision)
        self._failed_in_a_row = 0
        self._saw(reading.values)

    def _follow(self, endpoint: Endpoint, reading: Reading) -> None:
        """Watch from ``reading`` on until that ends, for whatever reason: then read again."""
        values = reading.values
        accepted = False
        try:
            for changes in endpoint.watch(self._prefix, reading.revision + 1, self._idle_timeout):
                accepted = True
                for change in changes:
                    if change.value is None:
                        values.pop(change.key, None)
                    else:
                        values[change.key] = change.value
                self._saw(values)
                if self._ending.is_set():
                    return
        except WatchIdle:
            self.rereads["silent"] += 1
        except (SourceError, ConfigError) as error:
            self.rereads["compacted" if isinstance(error, Compacted) else "ended"] += 1
            # The next reading tells whether the member is down or only the watch was lost.
            log = _log.debug if accepted else _log.warning
            log("the watch on etcd ended", endpoint=endpoint.url, error=str(error))
            self._current = (self._current + 1) % len(self._endpoints)

    def _saw(self, values: dict[str, str]) -> None:
        before = self._sight
        self._sight = Sight(view_from_keys(values), time.monotonic())
        if (before.view, before.error) != (self._sight.view, None):
            self._on_change()

    def _fail(self, endpoint: Endpoint, error: Exception) -> None:
        """Go on to the next endpoint; when all have failed in a row, etcd is away."""
        self._failed_in_a_row += 1
        self._current = (self._current + 1) % len(self._endpoints)
        _log.debug("etcd endpoint fails", endpoint=endpoint.url, error=str(error))
        if self._failed_in_a_row < len(self._endpoints):
            return
        if self._failed_in_a_row == len(self._endpoints):
            _log.warning(
                "no etcd endpoint answers; trying on",
                setting="etcd_endpoints",
                endpoints=[each.url for each in self._endpoints],
                error=str(error),
            )
        before = self._sight
        self._sight = Sight(before.view, before.contact_at, str(error))
        self._on_change()

    def _pause(self, started: float) -> None:
        """Keep failures from turning into a busy loop: longer, with jitter, when all fail."""
        rounds = self._failed_in_a_row // len(self._endpoints)
        pause = min(0.1 * 2 ** min(rounds, 4), 1.0) * random.uniform(0.5, 1.0)  # noqa: S311
        if rounds or time.monotonic() - started < 0.1:
            self._ending.wait(pause)
