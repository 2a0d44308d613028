"""The switchover itself, step by step: look, hold, drain, ask Patroni, prove, release."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from ..cluster import Answer, ClusterView, Member, Primary, Target
from ..config import read_secret
from ..errors import ProbeError, SourceError
from ..etcd_members import EtcdMembers
from ..patroni_keys import view_from_keys
from ..patroni_rest import Login, PatroniRest
from ..prober import ask
from ..resolve import Resolver
from ..service import credentials, etcd_access, prefix
from ..session import Bell, Session
from ..settings import Settings
from . import preflight, server
from .hold import TTL, Hold
from .outcome import Outcome, Report, Stopped
from .plan import Order, Plan, Request

T = TypeVar("T")

#: Seconds for one question to a server.
PATIENCE = 2.0
#: Seconds from the hold until every Odoo process knows of it: what begins later doesn't count.
SETTLE = 0.15
#: Seconds from the hold for open transactions to end.
DRAIN = 2.0
#: Seconds for the checkpoint before the hold.
CHECKPOINT = 300.0
#: Seconds between two looks.
GLANCE = 0.025
#: Longest wait for one look at a server that may be on its way up or down.
PROBE = 0.5


class SwitchoverRun:
    """One run. ``say`` gets progress for people; ``bell``, rung, ends every wait and the run."""

    def __init__(
        self,
        settings: Settings,
        order: Order,
        *,
        say: Callable[[str], None],
        bell: Bell,
    ) -> None:
        self._settings = settings
        self._order = order
        self._say = say
        self._bell = bell
        self._prefix = prefix(settings)
        self._etcd = EtcdMembers(settings.etcd_endpoints, etcd_access(settings))
        self._hold = Hold(settings.etcd_endpoints, etcd_access(settings), self._prefix)
        self._rest = PatroniRest(settings.patroni_timeout, settings.patroni_ca)
        self._resolver = Resolver()
        self._held_at: float | None = None
        self._sessions: dict[Target, Session] = {}

    def carry_out(self) -> Report:
        """Switch over, or find out why not. Raises ConfigError alone."""
        plan: Plan | None = None
        report = Report(Outcome.SWITCHED, self._settings.scope)
        with ExitStack() as stack:
            stack.callback(self._close)
            try:
                plan = self._prepare()
                report = replace(report, old=plan.old.name, new=plan.new.name)
                stack.callback(self._release)
                self._hold.take(plan.old.name, plan.new.name)
                self._held_at = time.monotonic()
                self._say("every node holds new transactions")
                self._drain(plan, self._held_at)
                timeline = self._switch(plan)
                report = replace(report, timeline=timeline)
            except Stopped as stop:
                report = replace(report, outcome=stop.outcome, reasons=stop.reasons)
            except SourceError as error:
                # Patroni wasn't asked yet: afterwards every failure is looked at and named.
                outcome = Outcome.REFUSED if self._held_at is None else Outcome.ABORTED
                report = replace(report, outcome=outcome, reasons=(str(error),))
        if self._held_at is not None:
            report = replace(report, held_s=round(time.monotonic() - self._held_at, 3))
        return report

    # -- before the hold

    def _prepare(self) -> Plan:
        settings, order = self._settings, self._order
        view = self._view()
        _refuse(preflight.of_view(view, datetime.now(UTC)))
        leader = _known(view, view.leader)
        facts = self._ask(leader.target, server.primary_facts)
        _refuse(preflight.of_primary(leader.name, facts, view, force=order.force))
        chosen, reasons = preflight.choose(view, facts.lags, order.candidate)
        _refuse(reasons)
        candidate = _known(view, chosen.name if chosen else None)
        theirs = self._ask(candidate.target, server.candidate_facts)
        _refuse(preflight.of_candidate(candidate.name, theirs, facts.answer))
        for member, leads in ((leader, True), (candidate, False)):
            try:
                node = self._rest.node(member.api_url or "")
            except SourceError as error:
                raise SourceError(f"Patroni of {member.name} doesn't answer: {error}") from None
            _refuse(preflight.of_patroni(member.name, node, leads=leads))
        old = Primary(
            leader.name, leader.host, leader.port, facts.answer.timeline or 0,
            facts.answer.system_identifier,
        )  # fmt: skip
        plan = Plan(old, leader.api_url or "", candidate.target, facts.may_checkpoint)
        self._try_login(plan)
        self._say(
            f"{settings.scope}: {plan.old.name} is the primary on timeline {old.timeline};"
            f" {plan.new.name} is fit to follow; sidecars on: {', '.join(sorted(facts.sidecars))}"
        )
        self._checkpoint(plan)
        self._check_interrupted("nothing was held")
        return plan

    def _try_login(self, plan: Plan) -> None:
        """Ask for what Patroni can only refuse, so that credentials fail before the hold."""
        same = plan.old.name
        status, text = self._rest.ask_switchover(
            plan.old_api, leader=same, candidate=same, login=self._login(), timeout=PATIENCE
        )
        remedy = "; set patroni_username and patroni_password_file" if status == 401 else ""
        if status != 400:
            _refuse([f"Patroni of {same} answers {status}: {text}{remedy}"])

    def _checkpoint(self, plan: Plan) -> None:
        """Have the primary write out now what it would have to while everybody waits."""
        if not plan.may_checkpoint:
            self._say("no checkpoint first: probe_user lacks pg_checkpoint; the hold may be longer")
            return
        began = time.monotonic()
        self._ask(plan.old.target, server.checkpoint, CHECKPOINT)
        self._say(f"checkpoint done in {time.monotonic() - began:.1f} s")

    # -- while new transactions are held

    def _drain(self, plan: Plan, held_at: float) -> None:
        settled_at = held_at + SETTLE
        self._pause(SETTLE, f"{plan.old.name} goes on")
        while True:
            counts_from = time.monotonic() - settled_at
            found = self._ask(plan.old.target, server.open_transactions)
            left = [each for each in found if each.age >= counts_from]
            if not left:
                waited = time.monotonic() - held_at
                self._say(f"no transaction is open any more, {waited:.2f} s after the hold")
                return
            if time.monotonic() - held_at >= DRAIN:
                if self._order.force:
                    self._say(
                        f"{len(left)} open transactions will be ended: {preflight.named(left)}"
                    )
                    return
                raise Stopped(
                    Outcome.ABORTED,
                    f"{len(left)} transactions didn't end within {DRAIN:g} s: "
                    + preflight.named(left),
                    f"{plan.old.name} goes on; end them, or go on with --force",
                )
            self._pause(GLANCE, f"{plan.old.name} goes on")

    def _switch(self, plan: Plan) -> int:
        """Ask Patroni; return the new timeline as soon as it is proven."""
        if not self._hold.is_kept:
            raise Stopped(
                Outcome.ABORTED, f"the hold was lost: etcd didn't answer; {plan.old.name} goes on"
            )
        limit = self._settings.switching_timeout
        request = Request(self._rest, plan, self._login(), 2 * limit)
        deadline = time.monotonic() + limit
        request.start()
        self._say(f"Patroni is asked to switch over to {plan.new.name}")
        while True:
            refusal, view = request.refusal, self._last_view()
            if (timeline := self._proven(plan, view)) is not None:
                self._say(f"{plan.new.name} is proven writable on timeline {timeline}")
                return timeline
            if refusal is not None and self._goes_on(plan, view):
                raise Stopped(Outcome.ABORTED, refusal, f"{plan.old.name} goes on as the primary")
            stands = f"Patroni was asked and goes on by itself; {plan.new.name} isn't proven yet"
            if time.monotonic() >= deadline:
                after = [f"after {limit:g} s {plan.new.name} isn't the proven primary", stands]
                raise Stopped(Outcome.UNKNOWN, *([refusal] if refusal else []), *after)
            self._pause(GLANCE, stands)

    def _proven(self, plan: Plan, view: ClusterView | None) -> int | None:
        """Return the timeline that another server than the old primary proves itself on."""
        leader = view.member(view.leader) if view is not None and view.leader else None
        moved = leader is not None and leader.name not in {plan.old.name, plan.new.name}
        answer = self._glance(leader.target if leader is not None and moved else plan.new)
        if answer is None or answer.in_recovery or answer.timeline is None:
            return None
        same = answer.system_identifier == plan.old.system_identifier
        if not same or answer.timeline <= plan.old.timeline:
            return None
        if leader is not None and moved:
            reason = f"{leader.name} became the primary, on timeline {answer.timeline}"
            raise Stopped(Outcome.UNKNOWN, f"{reason}, instead of {plan.new.name}")
        return answer.timeline

    def _goes_on(self, plan: Plan, view: ClusterView | None) -> bool:
        """Tell whether the old primary leads, proves itself, and Patroni intends nothing more."""
        if view is None or view.leader != plan.old.name or view.switchover is not None:
            return False
        answer = self._glance(plan.old.target)
        return answer is not None and answer.timeline == plan.old.timeline

    # -- small things

    def _view(self) -> ClusterView:
        return view_from_keys(self._etcd.read(self._prefix).values)

    def _last_view(self) -> ClusterView | None:
        try:
            return self._view()
        except SourceError:
            return None

    def _glance(self, target: Target) -> Answer | None:
        try:
            return ask(self._session(target), time.monotonic() + PROBE)
        except ProbeError:
            return None

    def _session(self, target: Target) -> Session:
        if target not in self._sessions:
            mine = replace(credentials(self._settings), application=f"{server.OWN} switchover")
            self._sessions[target] = Session(target, mine, self._resolver, self._bell)
        return self._sessions[target]

    def _login(self) -> Login | None:
        user, path = self._settings.patroni_username, self._settings.patroni_password_file
        if user is None or path is None:
            return None
        return Login(user, lambda: read_secret("patroni_password_file", path))

    def _ask(
        self, target: Target, question: Callable[[Session, float], T], limit: float = PATIENCE
    ) -> T:
        """Put a question to a server, before Patroni is asked: no answer ends the run."""
        try:
            return question(self._session(target), time.monotonic() + limit)
        except ProbeError as error:
            self._check_interrupted("Patroni wasn't asked")
            raise SourceError(f"{target}: {error}") from None

    def _pause(self, seconds: float, stands: str) -> None:
        self._bell.wait_for_ring(seconds)
        self._check_interrupted(stands)

    def _check_interrupted(self, stands: str) -> None:
        if self._bell.wait_for_ring(0):
            raise Stopped(Outcome.INTERRUPTED, stands)

    def _release(self) -> None:
        released = self._hold.release()
        if self._held_at is None:
            return
        if released:
            self._say("the hold is released")
        else:
            self._say(f"the hold couldn't be released; it clears itself within {TTL + 1} s")

    def _close(self) -> None:
        self._etcd.close()
        for session in self._sessions.values():
            session.close()


def _refuse(reasons: list[str]) -> None:
    if reasons:
        raise Stopped(Outcome.REFUSED, *reasons)


def _known(view: ClusterView, name: str | None) -> Member:
    """Return a member that the preflight found to be there."""
    member = view.member(name) if name is not None else None
    if member is None:
        raise Stopped(Outcome.REFUSED, f"{name} is no member of the cluster any more")
    return member
