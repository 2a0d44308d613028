"""Asks the elected server, again and again, whether it is the primary."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .cluster import Answer, ProbeReport, Target
from .errors import ConfigError, ProbeError
from .resolve import Resolver
from .session import Bell, Credentials, Interrupted, Session

#: One statement, so that all of it is true at one time. A server that ends its recovery
#: between two of its parts makes it fail, which counts as no answer.
QUESTION = """
SELECT pg_is_in_recovery(),
       (SELECT system_identifier::text FROM pg_control_system()),
       CASE WHEN NOT pg_is_in_recovery() THEN pg_walfile_name(pg_current_wal_lsn()) END,
       CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END
"""


def ask(session: Session, deadline: float) -> Answer:
    """Put the question to the server. Raises ProbeError."""
    rows = session.rows(QUESTION, deadline)
    in_recovery, identifier, wal_file, lsn = rows[0]
    return Answer(
        in_recovery=bool(in_recovery),
        system_identifier=str(identifier),
        # A WAL file is named by timeline, log and segment, 8 hexadecimal digits each.
        timeline=int(wal_file[:8], 16) if wal_file else None,
        lsn=lsn,
    )


class Prober(threading.Thread):
    """One thread that asks one server at a time. ``aim`` may be called from any thread."""

    def __init__(
        self,
        credentials: Credentials,
        resolver: Resolver,
        *,
        interval: float,
        timeout: float,
        on_report: Callable[[ProbeReport, float], None],
    ) -> None:
        super().__init__(name="prober", daemon=True)
        self._credentials = credentials
        self._resolver = resolver
        self._interval = interval
        self._timeout = timeout
        self._on_report = on_report
        self._bell = Bell()
        self._lock = threading.Lock()
        self._target: Target | None = None
        self._eager = False
        self._report: ProbeReport | None = None
        self._ending = False

    @property
    def report(self) -> ProbeReport | None:
        """The latest report."""
        return self._report

    def aim(self, target: Target | None, *, eager: bool) -> None:
        """Ask ``target`` from now on; ``eager`` asks four times as often."""
        with self._lock:
            changed = target != self._target
            self._target, self._eager = target, eager
        if changed:
            self._bell.ring()

    def end(self) -> None:
        self._ending = True
        self._bell.ring()

    def run(self) -> None:
        session: Session | None = None
        while not self._ending:
            self._bell.silence()
            with self._lock:
                target = self._target
            if session is not None and session.target != target:
                session.close()
                session = None
            if target is None:
                self._bell.wait(1.0)
                continue
            if session is None:
                session = Session(target, self._credentials, self._resolver, self._bell)
            started = time.monotonic()
            self._probe(session, started)
            # Eager on a server that answers; one that is down is not hammered.
            pace = self._interval / 4 if self._eager and session.is_open else self._interval
            self._bell.wait(started + pace - time.monotonic())
        if session is not None:
            session.close()
        self._bell.close()

    def _probe(self, session: Session, started: float) -> None:
        """Ask once. ``started`` dates the answer: it can't be older than the question."""
        try:
            answer = ask(session, started + self._timeout)
        except Interrupted:
            return
        except (ProbeError, ConfigError) as error:
            report = ProbeReport(session.target, started, error=str(error))
        else:
            report = ProbeReport(session.target, started, answer=answer)
        self._report = report
        self._on_report(report, time.monotonic() - started)
