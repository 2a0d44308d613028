"""What became of the primary, outage by outage: folded from the decider's states. Pure.

An outage begins when ``stable`` ends and is over when it is there again. Invariants: at most the
last record is open; its moments never lie before ``began_at``; a moment, once known, stays.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from .cluster import ClusterView, Primary
from .document import timestamp
from .patroni_keys import moment
from .state import State
from .transitions import Phase

#: Most records that are kept.
MOST = 50


class Kind(StrEnum):
    """What it was."""

    FAILOVER = "failover"
    SWITCHOVER = "switchover"
    #: The same primary was back without a promotion.
    INTERRUPTION = "interruption"


@dataclass(frozen=True)
class Outage:
    """One time without a settled primary.

    :param began_at: when it was detected
    :param reason: what was seen first, in the decider's words
    :param old: the primary before
    :param isolated_at: from when on no node was sent to the old primary any more
    :param elected_at: when another member was elected
    :param promoted_at: when the new primary was proven writable and published
    :param ended_at: when the topology was stable again; None while it lasts
    """

    began_at: datetime
    kind: Kind = Kind.INTERRUPTION
    reason: str = ""
    old: str | None = None
    old_timeline: int | None = None
    new: str | None = None
    timeline: int | None = None
    isolated_at: datetime | None = None
    elected_at: datetime | None = None
    promoted_at: datetime | None = None
    ended_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """As the API and the file have it: times as in the topology document."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: timestamp(value) if isinstance(value, datetime) else value
            for name, value in found.items()
        }


def from_json(data: dict[str, Any]) -> Outage:
    """Raises KeyError, ValueError or TypeError for anything that ``as_json`` doesn't give."""
    values = {each.name: data[each.name] for each in fields(Outage)}
    for name in ("began_at", "isolated_at", "elected_at", "promoted_at", "ended_at"):
        values[name] = moment(values[name]) if values[name] is not None else None
    if values["began_at"] is None:
        raise ValueError("began_at is no time")
    return Outage(**{**values, "kind": Kind(values["kind"])})


def fold(
    records: tuple[Outage, ...],
    before: State,
    after: State,
    view: ClusterView | None,
    reason: str,
    now: datetime,
) -> tuple[Outage, ...]:
    """Return the records after one decision: the same object when nothing new was learnt."""
    last = records[-1] if records and records[-1].ended_at is None else None
    if last is None:
        last = _begun(before, after, reason, now)
        if last is None:
            return records
        records = (*records, last)[-MOST:]
    grown = _grown(last, after, view, now)
    return records if grown is records[-1] else (*records[:-1], grown)


def _begun(before: State, after: State, reason: str, now: datetime) -> Outage | None:
    """Before the first proof of this process there is nothing that could end."""
    if before.phase is not Phase.STABLE or before.primary is None:
        return None
    if after.phase is Phase.STABLE and after.primary == before.primary:
        return None
    old = before.primary
    return Outage(now, reason=reason, old=old.name, old_timeline=old.timeline)


def _grown(record: Outage, after: State, view: ClusterView | None, now: datetime) -> Outage:
    known: dict[str, Any] = {}
    if after.unsettled in ("switchover", "hold"):
        known["kind"] = Kind.SWITCHOVER
    if record.isolated_at is None and not _is_old(record, after.primary):
        known["isolated_at"] = now
    leader = view.leader if view is not None else None
    if record.elected_at is None and leader is not None and leader != record.old:
        known["elected_at"] = now
    if after.phase is Phase.STABLE and after.primary is not None:
        known["ended_at"] = now
        if not _is_old(record, after.primary):
            known |= {
                "new": after.primary.name,
                "timeline": after.primary.timeline,
                "promoted_at": now,
            }
            if Kind.SWITCHOVER not in (record.kind, known.get("kind")):
                known["kind"] = Kind.FAILOVER
    if all(getattr(record, name) == value for name, value in known.items()):
        return record
    return replace(record, **known)


def _is_old(record: Outage, primary: Primary | None) -> bool:
    return primary is not None and (primary.name, primary.timeline) == (
        record.old,
        record.old_timeline,
    )
