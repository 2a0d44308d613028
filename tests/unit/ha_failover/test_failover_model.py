"""Random interleavings of requests, dying links, failovers and passing time.

What is driven is ha_failover's own code; the database below it and Odoo around it are modelled.
Each request is a thread that stops before every operation on the database, until the machine lets
it go on and says what happens there.
"""

from __future__ import annotations

import importlib
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import psycopg2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from odoo.addons.ha_failover.marker import commit
from odoo.addons.ha_failover.topology.document import Server as Address
from odoo.addons.ha_failover.topology.document import Topology
from odoo.addons.ha_failover.work import Verdict

from . import modelled_odoo as odoo
from .modelled_database import FATES, Cluster, Connection, set_fate_of_this_thread

HOLD_S = 60.0
#: The module: its package has the function of the same name.
budget = importlib.import_module("odoo.addons.ha_failover.gate.budget")
STEPS = ("write", "read", "commit", "nested", "aside", "swallow", "hook")


class _Abandoned(BaseException):
    """The example is over; the thread ends."""


class Request(threading.Thread):
    """One request; ``outcome`` is "success", a Verdict, or an error as a text."""

    def __init__(self, number: int, plan: list[str], now: float) -> None:
        super().__init__(daemon=True)
        self.number, self.plan, self.started_at = number, plan, now
        self.operation: str | None = None
        self.outcome: Any = None
        self.hooks = 0
        self.conflict = False
        self.attempts_with_rows: list[int] = []
        self.attempts = 0
        self.ended_at = 0.0
        self._chosen = ""
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)

    # -- the machine's side

    def go_on(self, chosen: str) -> None:
        """Let it run to its next operation, or to its end."""
        self._chosen = chosen
        # Odoo's own retry repeats what was committed in the request's midst: not ours to cure.
        midst = "commit" in self.plan or "nested" in self.plan
        self.conflict |= chosen == "conflict" and midst
        self._go.release()
        assert self._stopped.acquire(timeout=20), "a request hangs outside of the database"

    def begin(self) -> None:
        self.start()
        assert self._stopped.acquire(timeout=20)

    # -- the request's side

    def _ask(self, operation: str) -> str:
        self.operation = operation
        self._stopped.release()
        self._go.acquire()
        self.operation = None
        if self._chosen == "abandon":
            raise _Abandoned
        return self._chosen

    def run(self) -> None:
        set_fate_of_this_thread(self._ask)
        try:
            odoo.request(self._work)
            self.outcome = "success"
        except odoo.replay.Unanswerable as error:
            self.outcome = error.verdict
        except _Abandoned:
            self.outcome = "abandoned"
        except Exception as error:
            self.outcome = f"{type(error).__name__}: {error}"
        self._stopped.release()

    def _work(self, cursor: Any) -> None:
        self.attempts += 1
        for index, step in enumerate(self.plan):
            row = (self.number, index)
            if step in ("write", "hook"):
                cursor.execute(("write", row))
            if step == "hook":
                cursor.postcommit.append(self._hook)
            elif step == "read":
                cursor.execute(("read", None))
            elif step == "commit":
                cursor.commit()
            elif step == "nested":
                odoo.request(lambda inner, row=row: inner.execute(("write", row)))
            elif step == "aside":
                self._write_aside(index)
            elif step == "swallow":
                with suppress(psycopg2.Error):
                    cursor.execute(("write", row))

    def _hook(self) -> None:
        self.hooks += 1

    def _write_aside(self, index: int) -> None:
        """A log entry on a cursor of its own: it may be there more than once."""
        aside = odoo.Cursor(None, "db", {"database": "db"})
        try:
            aside.execute(("write", ("aside", self.number, index)))
            aside.commit()
        finally:
            aside.close()


class Interleavings(RuleBasedStateMachine):
    @initialize(synchronous=st.booleans())
    def begin(self, synchronous: bool) -> None:
        self.cluster = Cluster(synchronous)
        self.now, self.epoch, self.state = 1000.0, 1, "stable"
        self.requests: list[Request] = []
        self.judged: set[int] = set()
        #: rows that a user was told are saved / are not
        self.promised: set[Any] = set()
        self.denied: set[Any] = set()
        #: rows that an asynchronous failover lost
        self.lost: set[Any] = set()
        self.patches = ExitStack()
        clock = SimpleNamespace(
            monotonic=lambda: self.now,
            time=lambda: self.now,
            time_ns=lambda: int(self.now * 1e9),
            sleep=self.pass_,
        )
        for module in (odoo.replay, budget, commit, odoo.gate_connect):
            self.patches.enter_context(patch.object(module, "time", clock))
        watcher = SimpleNamespace(topology=self.topology, wait=self.wait)
        replace = patch.object
        self.patches.enter_context(replace(odoo.gate_connect, "watcher", lambda: watcher))
        self.patches.enter_context(replace(odoo.gate_connect, "_attempt", self.connect))
        self.patches.enter_context(replace(commit, "ends_at", self.ends_at))
        self.patches.enter_context(replace(commit, "_has_table", {}))

    # -- what the code below the requests asks for

    def pass_(self, seconds: float) -> None:
        self.now += seconds

    def topology(self) -> Topology:
        name = self.cluster.primary.name
        primary = Address(name, name, 5432, 1) if self.state == "stable" else None
        return Topology(self.epoch, self.state, primary, self.now, {})

    def wait(self, timeout: float) -> None:
        odoo.fate("wait")
        self.now += max(timeout, 0.001)

    def connect(self, arguments: dict[str, Any], _timeout: float) -> Connection:
        refused = odoo.fate("connect") == "refused"
        server = self.cluster.primary
        if refused or arguments["host"] != server.name or not server.up:
            raise psycopg2.OperationalError("connection refused")
        return Connection(self.cluster, server)

    @contextmanager
    def ends_at(self, connection: Connection, deadline: float) -> Any:
        if self.now > deadline:
            connection.close()
        yield

    # -- what may happen

    @rule(plan=st.lists(st.sampled_from(STEPS), min_size=1, max_size=4))
    def request_comes(self, plan: list[str]) -> None:
        if sum(one.is_alive() for one in self.requests) < 3:
            self.requests.append(Request(len(self.requests), plan, self.now))
            self.requests[-1].begin()
            self.judge()

    @rule(which=st.integers(0, 2), lot=st.integers(0, 99))
    def request_goes_on(self, which: int, lot: int) -> None:
        waiting = [one for one in self.requests if one.operation]
        if waiting:
            one = waiting[which % len(waiting)]
            fates = FATES[one.operation or ""]
            one.go_on(fates[lot % len(fates)])
            self.judge()

    @rule(which=st.integers(0, 2), steps=st.integers(2, 12))
    def request_goes_on_undisturbed(self, which: int, steps: int) -> None:
        for _ in range(steps):
            self.request_goes_on(which, 0)

    @rule(keep=st.integers(0, 3))
    def primary_fails_over(self, keep: int) -> None:
        """It dies; a replica is promoted, and nobody was told yet."""
        lost = self.cluster.fail_over(keep)
        if not self.cluster.synchronous:
            # What was acknowledged and lies beyond the switch point: no client can cure that.
            self.lost |= {row for done in lost for row in done.rows}
            self.promised -= self.lost
        self.state = "lost"

    @precondition(lambda self: self.state == "lost")
    @rule()
    def primary_is_published(self) -> None:
        self.epoch += 1
        self.state = "stable"

    @rule()
    def replica_catches_up(self) -> None:
        self.cluster.primary.replicated = len(self.cluster.primary.log)

    @rule()
    def late_commit_arrives(self) -> None:
        server = self.cluster.primary
        if server.late:
            server.commit(server.late[0], replicate=True)

    @rule(seconds=st.sampled_from([0.5, 10.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # -- what must hold

    def judge(self) -> None:
        """Look at the requests that were answered just now."""
        for one in self.requests:
            if one.outcome is None or one.number in self.judged:
                continue
            self.judged.add(one.number)
            saved = self.saved(one)
            if one.outcome == "success":
                expected = self.rows_of(one) - (self.lost - saved)
                assert expected <= saved, f"success, but not there: {expected - saved}"
                assert one.hooks == one.plan.count("hook"), "post-commit hooks"
                self.promised |= expected
            elif one.outcome is Verdict.EXPIRED:
                assert not saved, f"'nothing was saved', but {saved} is there"
                self.denied |= self.rows_of(one)
            elif one.outcome is Verdict.UNKNOWN:
                assert self.now >= one.started_at + HOLD_S, "given up before the budget's end"
            elif one.outcome is Verdict.PARTIAL:
                assert saved or not self.cluster.synchronous, "'a part was saved', but nothing is"
            else:
                assert str(one.outcome).startswith("SerializationFailure"), one.outcome

    def rows_of(self, one: Request) -> set[Any]:
        steps = ("write", "hook", "nested")
        return {(one.number, i) for i, step in enumerate(one.plan) if step in steps}

    def saved(self, one: Request) -> set[Any]:
        return {row for row in self.cluster.primary.rows() if row[0] == one.number}

    @invariant()
    def nothing_is_there_twice(self) -> None:
        if hasattr(self, "cluster"):
            counted = Counter(self.cluster.primary.rows())
            excused = {"aside", *(one.number for one in self.requests if one.conflict)}
            assert not [row for row, n in counted.items() if n > 1 and row[0] not in excused]

    @invariant()
    def nobody_was_told_a_lie(self) -> None:
        if hasattr(self, "cluster"):
            rows = set(self.cluster.primary.rows())
            assert not self.promised - rows, "acknowledged, and lost"
            assert not self.denied & rows, "'nothing was saved', and it appeared"

    def teardown(self) -> None:
        if not hasattr(self, "cluster"):
            return
        try:
            self.state = "stable"
            for one in self.requests:
                for _ in range(2000):
                    if one.operation:
                        one.go_on("ok")
                assert one.operation is None, f"{one.plan} never ends"
            self.judge()
            self.nothing_is_there_twice()
            self.nobody_was_told_a_lie()
        finally:
            for one in self.requests:
                if one.operation:
                    one.go_on("abandon")
            self.patches.close()


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
