"""Which alerts are raised, and what is told of them: ``(state, observation, now) → (state, messages)``.
Pure.

An alert's way: its condition holds (*pending*), has held for ``raise_after`` (*raised*), is *told*, holds
no more (*clearing*), hasn't held for ``clear_after``: gone, and told if its raising was.

Invariants, checked on every step by ``check_invariants``:

- what is told of one alert alternates: raised, cleared, raised, …;
- nothing is told as raised that hasn't held, unmuted, for ``raise_after`` seconds;
- nothing is told as raised while it is silenced, or while a check holds that mutes it;
- what was told as raised stays until it is told as cleared.

Times are Unix seconds: the state outlives the sidecar that made it, and goes on in another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..errors import InvariantBroken
from .checks import Check
from .expression import Expression, ExpressionError, Unknown


@dataclass(frozen=True)
class Alert:
    """One condition that holds, or did until lately. ``free_since``: since when it has held unmuted."""

    id: str
    check: str
    severity: str
    message: str
    since: float
    free_since: float
    raised: bool = False
    told: bool = False
    clearing_since: float | None = None
    muted_by: str | None = None


@dataclass(frozen=True)
class Message:
    """To be sent. ``number`` rises with each; ``kind`` is raised or cleared."""

    number: int
    kind: str
    alert: str
    severity: str
    text: str
    at: float


@dataclass(frozen=True)
class Verdict:
    """What a check says of one object: ``holds`` None is unknown, and ``reason`` says why."""

    alert: str
    check: Check
    holds: bool | None
    message: str
    reason: str = ""


@dataclass(frozen=True)
class State:
    """All that the next alerter needs. ``outbox`` has what isn't sent yet."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)
    outbox: tuple[Message, ...] = ()
    number: int = 0


def evaluate(checks: Iterable[Check], state: Mapping[str, Any]) -> list[Verdict]:
    """Return each check's verdicts over the cluster's ``state``."""
    found = []
    for check in checks:
        for name, names in check.names(state):
            holds, reason = None, ""
            try:
                holds = Expression(check.expression).holds(names)
            except Unknown as error:
                reason = f"{error} is not known"
            except ExpressionError as error:
                reason = str(error)
            found.append(Verdict(name, check, holds, check.text(names), reason))
    return found


def step(
    state: State, verdicts: Sequence[Verdict], silences: Mapping[str, float], now: float
) -> tuple[State, tuple[Message, ...]]:
    """Return the next state and what became worth telling, which is in its outbox as well.

    :param silences: until when, by an alert's id or a check's
    """
    silenced = {name for name, until in silences.items() if until > now}
    alerts = dict(state.alerts)
    by_id = {one.alert: one for one in verdicts}
    for verdict in verdicts:
        if verdict.holds is True:
            alerts[verdict.alert] = _held(alerts.get(verdict.alert), verdict, now)
    holding = {one.check for one in alerts.values() if one.clearing_since is None}
    told: list[Message] = []

    def tell(kind: str, alert: Alert) -> None:
        number = state.number + len(told) + 1
        told.append(Message(number, kind, alert.id, alert.severity, alert.message, now))

    for name, alert in sorted(alerts.items()):
        found = by_id.get(name)
        if found is None or found.holds is False:
            # Nobody asks for it any more, or what it was about is gone: at once.
            wait = found.check.clear_after if found is not None else 0.0
            since = alert.clearing_since if alert.clearing_since is not None else now
            if not alert.raised or now - since >= wait:
                if alert.told:
                    tell("cleared", alert)
                del alerts[name]
                continue
            alerts[name] = replace(alert, clearing_since=since)
            continue
        if found.holds is None:
            continue
        check = found.check
        muting = next((one for one in check.muted_by if one in holding), None)
        free_since = now if muting is not None and not alert.told else alert.free_since
        raised = alert.raised or now - alert.since >= check.raise_after
        quiet = muting is not None or bool({alert.id, alert.check} & silenced)
        due = raised and not alert.told and not quiet and now - free_since >= check.raise_after
        alerts[name] = replace(
            alert, muted_by=muting, free_since=free_since, raised=raised, told=alert.told or due
        )
        if due:
            tell("raised", alert)
    after = State(alerts, (*state.outbox, *told), state.number + len(told))
    check_invariants(state, after, told, by_id, silenced, now)
    return after, tuple(told)


def _held(before: Alert | None, verdict: Verdict, now: float) -> Alert:
    check = verdict.check
    if before is None:
        severity = str(check.severity)
        return Alert(verdict.alert, check.id, severity, verdict.message, now, now)
    return replace(
        before, message=verdict.message, severity=str(check.severity), clearing_since=None
    )


def check_invariants(
    before: State,
    after: State,
    told: Sequence[Message],
    verdicts: Mapping[str, Verdict],
    silenced: set[str],
    now: float,
) -> None:
    """Raise InvariantBroken if the step broke one of the module's rules."""
    for message in told:
        was_told = message.alert in before.alerts and before.alerts[message.alert].told
        if (message.kind == "cleared") is not was_told:
            raise InvariantBroken(f"{message.alert} told twice as {message.kind}")
        if message.kind == "cleared":
            continue
        alert = after.alerts[message.alert]
        check = verdicts[message.alert].check
        if now - max(alert.since, alert.free_since) < check.raise_after:
            raise InvariantBroken(f"{message.alert} told too early")
        if alert.muted_by or {alert.id, alert.check} & silenced:
            raise InvariantBroken(f"{message.alert} told although it is muted or silenced")
    cleared = {message.alert for message in told if message.kind == "cleared"}
    for name, alert in before.alerts.items():
        if alert.told and name not in cleared and not (
            name in after.alerts and after.alerts[name].told
        ):  # fmt: skip
            raise InvariantBroken(f"{name} vanished untold")


def sent(state: State, numbers: Iterable[int]) -> State:
    """The state without these messages in its outbox."""
    gone = set(numbers)
    return replace(state, outbox=tuple(one for one in state.outbox if one.number not in gone))


def to_json(state: State) -> dict[str, Any]:
    return {
        "alerts": [asdict(one) for one in state.alerts.values()],
        "outbox": [asdict(one) for one in state.outbox],
        "number": state.number,
    }


def from_json(data: Any) -> State:
    """Raises ValueError, KeyError or TypeError for what ``to_json`` didn't write."""
    alerts = [Alert(**one) for one in data["alerts"]]
    return State(
        {one.id: one for one in alerts},
        tuple(Message(**one) for one in data["outbox"]),
        int(data["number"]),
    )
