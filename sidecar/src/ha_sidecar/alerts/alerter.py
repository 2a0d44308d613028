"""The thread that watches: each second it tells the other sidecars of its node, and, being the
alerter, judges the cluster and has told what is worth it. Needs neither Odoo nor the database."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from ..errors import ConfigError, Forbidden, InvariantBroken, SourceError
from ..etcd import Access
from ..etcd_members import EtcdMembers
from . import decide
from .checks import DEFAULTS, Check, CheckError, checks_from, merged
from .decide import State
from .overview import shown
from .sender import Sender
from .shared import Shared, Sight, changed_by, may_take
from .snapshot import remember, snapshot

_log = structlog.get_logger("ha_sidecar.alerts")

#: Seconds between two rounds.
INTERVAL = 1.0
#: Seconds that the end of the sidecar waits for a message that is just being sent.
LAST_SEND = 2.0

Json = dict[str, Any]


class Alerter(threading.Thread):
    """See the module. ``overview``, ``checks`` and ``present`` are for any thread."""

    def __init__(
        self,
        *,
        me: str,
        prefix: str,
        members: Callable[[], EtcdMembers],
        report: Callable[[], Mapping[str, Any]],
        topology: Callable[[], Mapping[str, Any] | None],
        sender: Callable[[Callable[[int], None]], Sender],
    ) -> None:
        super().__init__(name="alerts", daemon=True)
        self.me = me
        self._prefix = prefix
        self._members = members
        self._shared = Shared(members(), prefix, me)
        self._report = report
        self._topology = topology
        self._sender = sender(self._was_sent)
        self._ending = threading.Event()
        self._news = threading.Event()
        self._sent: set[int] = set()
        self._sight = Sight()
        self._contact_since: float | None = None
        self._leads = False
        self._state = State()
        self._known: dict[str, dict[str, Json]] = {}
        self._written: Json | None = None
        self._unknown: dict[str, str] = {}
        self._set: tuple[Any, tuple[Check, ...]] = (None, DEFAULTS)
        #: Why there are no alerts, for people; None when all is well.
        self.problem: str | None = "not started yet"

    def end(self) -> None:
        self._sender.end()
        self._ending.set()
        self._news.set()

    def run(self) -> None:
        self._sender.start()
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                self._round(time.time())
            except InvariantBroken as error:
                _log.error("an alert's rule was broken; its state begins anew", error=str(error))
                self._state = State()
            except Exception:
                # The sidecar's first duty is the primary: it goes on without alerts.
                _log.exception("judging the cluster failed; goes on")
            # What was sent is written down at once, or the next alerter would send it again.
            self._news.wait(max(0.05, INTERVAL - (time.monotonic() - began)))
            self._news.clear()
        self._sender.join(timeout=LAST_SEND)
        try:
            if self._leads:
                self._state = decide.sent(self._state, self._numbers_sent())
                self._write()
            self._shared.leave()
        except (SourceError, ConfigError):
            _log.debug("the lease was left to run out")

    # -- one round

    def _round(self, now: float) -> None:
        report = self._report()
        sight = self._look(report)
        if sight.contact:
            self._elect(sight)
        if not self._leads:
            self._sender.aim(())
            return
        self._judge(sight, {**sight.reports, self.me: report}, now)

    def _look(self, report: Mapping[str, Any]) -> Sight:
        try:
            self._shared.tell(report)
            sight = self._shared.read()
        except (SourceError, ConfigError) as error:
            problem = f"etcd: {error}"
            if isinstance(error, Forbidden):
                problem = (
                    f"etcd_username: this user may not write below {self._prefix} in etcd;"
                    " grant it readwrite on that prefix"
                )
            if self.problem is None or self._contact_since is not None:
                _log.warning("alerts: etcd is away", error=problem, alerter=self._leads)
            self.problem = problem
            self._contact_since = None
            self._sight = replace(self._sight, contact=False)
            return self._sight
        namesake = None
        if not self._shared.is_alone(sight):
            namesake = f"node_name: another sidecar is named {self.me}, too; each needs its own"
            if self.problem != namesake:
                _log.error("two nodes have one name", setting="node_name", node=self.me)
        self.problem = namesake
        if self._contact_since is None:
            self._contact_since = time.monotonic()
        self._sight = sight
        return sight

    def _elect(self, sight: Sight) -> None:
        assert self._contact_since is not None
        if sight.alerter not in (None, self.me):
            if self._leads:
                _log.info("another sidecar is the alerter", node=sight.alerter)
            self._leads = False
            return
        if sight.alerter == self.me and self._leads:
            return
        waited = time.monotonic() - self._contact_since
        if not may_take(sight, self.me, was_alerter=self._leads, contact_seconds=waited):
            return
        try:
            taken = self._shared.take()
        except (SourceError, ConfigError):
            return
        if taken and not self._leads:
            self._adopt(sight.state)
            _log.info("this sidecar is the alerter", node=self.me)
        self._leads = taken

    def _adopt(self, state: Mapping[str, Any] | None) -> None:
        """Go on where the last alerter was."""
        self._written, self._state, self._known = None, State(), {}
        self._sent.clear()
        if state is None:
            return
        try:
            self._state = decide.from_json(state)
            self._known = dict(state["known"])
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("the last alerter's state can't be read", error=str(error))

    def _judge(self, sight: Sight, reports: Mapping[str, Mapping[str, Any]], now: float) -> None:
        topology = self._topology()
        self._known = remember(self._known, topology, reports, now)
        for name in sight.forget if sight.contact else ():
            for kind in ("nodes", "replicas"):
                self._known[kind].pop(name, None)
        self._state = decide.sent(self._state, self._numbers_sent())
        seen = self._present(topology, reports, sight, now)
        verdicts = decide.evaluate(self.checks(), seen)
        self._unknown = {one.alert: one.reason for one in verdicts if one.holds is None}
        silences = {name: float(one.get("until", 0)) for name, one in sight.silences.items()}
        self._state, told = decide.step(self._state, verdicts, silences, now)
        for message in told:
            _log.warning(
                "alert", kind=message.kind, alert=message.alert, severity=message.severity,
                text=message.text,
            )  # fmt: skip
        if sight.contact and not self._write():
            return
        # Written down first: should this sidecar die, the next one sends what it hadn't sent.
        self._sender.aim(self._state.outbox)
        if sight.contact:
            self._tidy(sight, now)

    def _write(self) -> bool:
        """Write the state down if it is another; False when it isn't this sidecar's any more."""
        state = {**decide.to_json(self._state), "known": self._known}
        if state == self._written:
            return True
        try:
            if not self._shared.write_state(state):
                self._leads = False
                self._sender.aim(())
                return False
        except (SourceError, ConfigError) as error:
            # Away since a moment ago: the rule for that holds.
            _log.debug("the state was not written", error=str(error))
            return True
        self._written = state
        return True

    def _tidy(self, sight: Sight, now: float) -> None:
        gone = [f"silences/{name}" for name, one in sight.silences.items()
                if float(one.get("until", 0)) <= now]  # fmt: skip
        try:
            for key in (*gone, *(f"forget/{name}" for name in sight.forget)):
                self._shared.delete(key)
        except (SourceError, ConfigError) as error:
            _log.debug("a key was not removed", error=str(error))

    def _was_sent(self, number: int) -> None:
        self._sent.add(number)
        self._news.set()

    def _numbers_sent(self) -> set[int]:
        numbers = set(self._sent)
        self._sent -= numbers
        return numbers

    def _present(
        self,
        topology: Mapping[str, Any] | None,
        reports: Mapping[str, Mapping[str, Any]],
        sight: Sight,
        now: float,
    ) -> Json:
        return snapshot(
            topology, reports, self._known, alerter=self.me, trusted=sight.contact, now=now
        )

    # -- for the API

    def checks(self) -> tuple[Check, ...]:
        """The checks in force: those made in Odoo in place of, or besides, those that come along."""
        data = self._sight.checks
        version = (data or {}).get("version")
        if version != self._set[0]:
            try:
                own = checks_from((data or {}).get("checks", []))
                self._set = (version, merged(own, (data or {}).get("disabled", ())))
            except CheckError as error:
                _log.error("the checks in etcd can't be read", error=str(error))
                self._set = (version, DEFAULTS)
        return self._set[1]

    @property
    def checks_version(self) -> int:
        """Of the checks in force; 0 while none were made in Odoo."""
        self.checks()  # a sidecar that isn't the alerter has no other reason to read them
        return int(self._set[0] or 0)

    def present(self) -> Json:
        """The cluster's state now, as checks see it here."""
        sight, state = self._sight, self._sight.state or {}
        known = self._known if self._leads else dict(state.get("known", {}))
        reports = {**sight.reports, self.me: self._report()}
        return snapshot(
            self._topology(),
            reports,
            known,
            alerter=self.me,
            trusted=sight.contact,
            now=time.time(),
        )

    def overview(self) -> Json:
        """What GET /alerts tells: the alerts that are raised, whoever raised them."""
        sight, now = self._sight, time.time()
        state = self._state
        if not self._leads:
            try:
                state = decide.from_json(sight.state) if sight.state else State()
            except (KeyError, TypeError, ValueError):
                state = State()
        return {
            "alerter": self.me if self._leads else sight.alerter,
            **shown(state, sight.silences, now),
            "checks_version": self.checks_version,
            "unknown": self._unknown if self._leads else {},
            "problem": self.problem or self._sender.problem,
        }

    def change(self, key: str, value: object | None) -> None:
        """Write a key of the shared ones, or delete it. Raises SourceError, ConfigError."""
        changed_by(self._members(), self._prefix + key, value)


def prefix_of(namespace: str, scope: str) -> str:
    """Where the sidecars' shared keys are: apart from Patroni's, whose watchers they'd wake."""
    return f"/odoo-ha{namespace}{scope}/alerts/"


def members_of(endpoints: tuple[str, ...], access: Access) -> Callable[[], EtcdMembers]:
    return lambda: EtcdMembers(endpoints, access)


def topology_of(document: bytes | None) -> Mapping[str, Any] | None:
    found: Json | None = json.loads(document) if document else None
    return found
