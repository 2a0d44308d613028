"""The one module that performs the decider's actions: observe, decide, act, and look again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from .actors import Actor, Published
from .cluster import Source
from .decider import decide, is_draining, target_of
from .document import encode, topology
from .election import EtcdWatcher, Sight
from .errors import ThreadDied
from .history_file import History
from .memory_file import MemoryFile
from .metrics import Metrics
from .notify import Notifier
from .patroni_rest import PatroniPoller
from .prober import Prober
from .publisher import Publisher
from .replication import ReplicationWatcher
from .state import Limits, Memory, Moment, Observation, Publish, Remember, State, Tell
from .transitions import Phase

_log = structlog.get_logger("ha_sidecar")

#: Longest sleep of the loop: bounds how late a proof's expiry is noticed.
TICK = 0.05
#: Seconds that all actors together may take to leave their servers well at the end.
FAREWELL = 3.0


class Wake:
    """Rung by the watching threads; the driver sleeps on it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        self._event.set()

    def sleep(self, seconds: float) -> None:
        self._event.wait(seconds)
        self._event.clear()


class Driver:
    """Runs until ``stop``. Owns no resource: what it is given is started and ended by ``run``."""

    def __init__(
        self,
        *,
        scope: str,
        limits: Limits,
        patience: float,
        wake: Wake,
        watcher: EtcdWatcher,
        poller: PatroniPoller | None,
        prober: Prober,
        replication: ReplicationWatcher,
        memory_file: MemoryFile,
        memory: Memory,
        history: History,
        publisher: Publisher,
        metrics: Metrics,
        notifier: Notifier,
        actors: Sequence[Actor] = (),
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._scope = scope
        self._limits = limits
        self._patience = patience
        self._wake = wake
        self._watcher = watcher
        self._poller = poller
        self._prober = prober
        self._replication = replication
        self._memory_file = memory_file
        self._history = history
        self._publisher = publisher
        self._metrics = metrics
        self._notifier = notifier
        self._actors = actors
        self._on_ready = on_ready
        self._state = State(memory)
        self._unwritten: Memory | None = None
        self._unpublished = False
        self._warned_of_identifier: str | None = None
        self._ready = False
        self._ending = False
        self._failure: BaseException | None = None

    def fail(self, failure: BaseException) -> None:
        """End the loop because a thread died; ``run`` raises it. For any thread."""
        self._failure = failure
        self._ending = True

    def stop(self) -> None:
        """Ask the loop to end, which it does within ``TICK``. It rings no bell: a signal handler
        runs in the thread that sleeps on it, perhaps while that holds the bell's lock."""
        self._ending = True

    def run(self) -> None:
        threads: list[EtcdWatcher | Prober | ReplicationWatcher | PatroniPoller | Actor]
        threads = [self._watcher, self._prober, self._replication, *self._actors]
        if self._poller is not None:
            threads.append(self._poller)
        for thread in threads:
            thread.start()
        try:
            while not self._ending:
                self._round()
                self._wake.sleep(TICK)
        finally:
            self._notifier.stopping()
            for thread in threads:
                thread.end()
            self._prober.join(2.0)
            farewell = time.monotonic() + FAREWELL
            for actor in self._actors:
                actor.join(max(farewell - time.monotonic(), 0.0))
            self._publisher.close()
        if self._failure is not None:
            raise ThreadDied(f"{type(self._failure).__name__}: {self._failure}")

    def _round(self) -> None:
        now = Moment(time.monotonic(), datetime.now(UTC))
        sight, source = self._election(now.monotonic)
        seen = Observation(sight.view, source, self._prober.report)
        before = self._state
        self._state, actions = decide(before, seen, now, self._limits)
        self._metrics.decided(self._state)
        # An elected server that isn't published yet is asked more often.
        target = target_of(self._state, sight.view)
        self._prober.aim(target, eager=self._state.phase is not Phase.STABLE)
        published = self._state.primary
        self._replication.aim(published.target if published else None)
        for action in actions:
            if isinstance(action, Remember):
                self._remember(action.memory)
            elif isinstance(action, Publish):
                self._publish(seen, now)
            else:
                self._tell(action)
        self._aim_actors(seen)
        reason = next((each.row.reason for each in actions if isinstance(each, Tell)), "")
        self._history.saw(before, self._state, seen.view, reason, now.wall)
        if source != before.source:
            self._tell_source(source, before.source)
        self._check_identifier(sight)
        self._notifier.feed(now.monotonic)

    def _aim_actors(self, seen: Observation) -> None:
        state = self._state
        if state.published_at is None:
            # As for the document: a restart is no outage.
            return
        published = Published(
            state.phase, state.primary, state.memory.epoch, is_draining(state), seen.source
        )
        for actor in self._actors:
            actor.aim(published)

    def _election(self, now: float) -> tuple[Sight, Source]:
        """Return the newest view there is and where it is from; SQL when from nowhere now."""
        etcd = self._watcher.sight
        current = etcd.is_current(now, self._patience)
        if self._poller is not None:
            self._poller.want(not current)
            rest = self._poller.sight
            if not current and rest.is_current(now, self._patience):
                return rest, Source.REST
        if current:
            return etcd, Source.ETCD
        rest = self._poller.sight if self._poller else Sight()
        newest = max(etcd, rest, key=lambda sight: sight.contact_at or 0.0)
        return newest, Source.SQL

    def _remember(self, memory: Memory) -> None:
        try:
            self._memory_file.save(memory)
        except OSError as error:
            if self._unwritten is None:
                _log.error(
                    "the epoch can't be written down; trying on",
                    setting="state_dir", path=str(self._memory_file.path), error=error.strerror,
                )  # fmt: skip
            self._unwritten = memory
        else:
            self._unwritten = None

    def _publish(self, seen: Observation, now: Moment) -> None:
        if self._unwritten is not None:
            self._remember(self._unwritten)
        primary = self._state.primary
        lags = self._replication.lags(primary.target if primary else None)
        found = topology(self._scope, self._state, seen.view, lags, now.wall)
        self._history.sample(found["replicas"], now.monotonic)
        document = encode(found)
        started, written = time.monotonic(), False
        try:
            self._publisher.publish(document)
            written = True
        except OSError as error:
            if not self._unpublished:
                _log.error(
                    "the topology document can't be written; trying on",
                    setting="topology_path", path=str(self._publisher.path), error=error.strerror,
                )  # fmt: skip
            self._unpublished = True
            return
        finally:
            self._metrics.published(time.monotonic() - started, written=written)
        self._unpublished = False
        if not self._ready:
            self._ready = True
            self._notifier.ready()
            self._on_ready()

    def _tell(self, told: Tell) -> None:
        state = self._state
        text = f"{state.phase}: " + (str(state.primary.target) if state.primary else "no primary")
        log = _log.info if state.phase is Phase.STABLE else _log.warning
        log(
            str(state.phase),
            epoch=state.memory.epoch,
            primary=str(state.primary.target) if state.primary else None,
            timeline=state.primary.timeline if state.primary else None,
            situation=str(told.row.situation),
            reason=told.row.reason,
            detail=told.detail,
        )
        self._notifier.status(f"{text}, epoch {state.memory.epoch}")

    def _tell_source(self, source: Source, before: Source | None) -> None:
        if source is Source.ETCD:
            _log.info("the election is followed in etcd")
        elif before is not None:
            _log.warning(
                "the election can't be followed in etcd",
                setting="etcd_endpoints", error=self._watcher.sight.error,
                source=str(source), before=str(before),
            )  # fmt: skip

    def _check_identifier(self, sight: Sight) -> None:
        """Say once that the scope now belongs to another cluster than the one remembered."""
        known = self._state.memory.system_identifier
        seen = sight.view.system_identifier if sight.view else None
        if seen is None or known == seen or seen == self._warned_of_identifier:
            return
        self._warned_of_identifier = seen
        _log.error(
            "the cluster has another system identifier than remembered; nothing of it is published",
            setting="state_dir", remembered=known, found=seen,
            remedy=f"if the cluster was rebuilt on purpose, stop the sidecar,"
            f" remove {self._memory_file.path} and start it again",
        )  # fmt: skip
