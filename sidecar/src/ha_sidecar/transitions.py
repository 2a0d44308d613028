"""The decider's transition table, as data: what is published in which situation, and why.

Exactly one row answers each pair of a phase and a situation (tested). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """``state`` in the topology document."""

    STABLE = "stable"
    SWITCHING = "switching"
    LOST = "lost"


class Situation(StrEnum):
    """What the observations amount to at one moment."""

    NOTHING_ELECTED = "nothing elected"
    SAME_PROVEN = "same primary proven"
    NEW_PROVEN = "new primary proven"
    PROOF_PENDING = "next proof pending"
    PROOF_EXPIRED = "proof expired"
    REFUSED = "elected server is no primary"
    SWITCHOVER = "switchover announced"
    SWITCHOVER_UNPROVEN = "switchover announced, unproven"
    HELD = "held for a switchover"
    HELD_UNPROVEN = "held for a switchover, unproven"
    LEADERLESS = "leader key vanished"
    LEADERLESS_UNPROVEN = "leader key vanished, unproven"
    OTHER_ELECTED = "other member elected"
    STALLED = "switching stalled"
    STALLED_UNPROVEN = "switching stalled, unproven"


class Keep(StrEnum):
    """What happens to the published primary."""

    KEEP = "keep"
    ADOPT = "publish the proven one"
    DROP = "publish none"


@dataclass(frozen=True)
class Row:
    """In ``situation``, coming from one of ``phases``: go to ``to``. ``reason`` is for people."""

    situation: Situation
    phases: tuple[Phase, ...]
    to: Phase
    primary: Keep
    reason: str


_STABLE, _SWITCHING, _LOST = Phase.STABLE, Phase.SWITCHING, Phase.LOST
_ANY = (_STABLE, _SWITCHING, _LOST)
_S = Situation

ROWS: tuple[Row, ...] = (
    Row(_S.NOTHING_ELECTED, _ANY, _LOST, Keep.DROP,
        "no source has told yet which member is elected, and the sidecar never guesses"),
    Row(_S.SAME_PROVEN, (_STABLE,), _STABLE, Keep.ADOPT,
        "the elected member proved again that it is the primary"),
    Row(_S.SAME_PROVEN, (_SWITCHING,), _STABLE, Keep.ADOPT,
        "the switchover or election ended where it began; connections stay good, so the epoch stays"),
    Row(_S.SAME_PROVEN, (_LOST,), _STABLE, Keep.ADOPT,
        "the same server is back on the same timeline (restarted, thawed or reachable again); the epoch stays"),
    Row(_S.NEW_PROVEN, _ANY, _STABLE, Keep.ADOPT,
        "another server, or the same one on a new timeline, is elected and proven; the epoch rises"),
    Row(_S.PROOF_PENDING, (_STABLE,), _STABLE, Keep.KEEP,
        "the last proof is younger than prove_timeout"),
    Row(_S.PROOF_PENDING, (_SWITCHING,), _SWITCHING, Keep.KEEP,
        "the last proof is younger than prove_timeout; the switchover isn't over before a new one"),
    Row(_S.PROOF_PENDING, (_LOST,), _LOST, Keep.DROP,
        "what was lost needs a new proof"),
    Row(_S.PROOF_EXPIRED, _ANY, _LOST, Keep.DROP,
        "the elected member gave no proof for prove_timeout: down, hung or unreachable"),
    Row(_S.REFUSED, _ANY, _LOST, Keep.DROP,
        "the elected member answers, but as a replica, on an older timeline or as another cluster"),
    Row(_S.SWITCHOVER, _ANY, _SWITCHING, Keep.ADOPT,
        "Patroni announces a switchover; the primary still proves itself, new transactions wait"),
    Row(_S.SWITCHOVER_UNPROVEN, _ANY, _SWITCHING, Keep.DROP,
        "the switchover runs: the old primary no longer proves itself, the new one isn't elected yet"),
    Row(_S.HELD, _ANY, _SWITCHING, Keep.ADOPT,
        "`ha-sidecar switchover` holds new transactions; the primary still proves itself"),
    Row(_S.HELD_UNPROVEN, _ANY, _SWITCHING, Keep.DROP,
        "`ha-sidecar switchover` holds new transactions; the primary no longer proves itself"),
    Row(_S.LEADERLESS, _ANY, _SWITCHING, Keep.ADOPT,
        "the leader key vanished: an election may follow; the primary still proves itself"),
    Row(_S.LEADERLESS_UNPROVEN, _ANY, _SWITCHING, Keep.DROP,
        "the leader key vanished and the old primary no longer proves itself: an election is under way"),
    Row(_S.OTHER_ELECTED, _ANY, _SWITCHING, Keep.DROP,
        "another member is elected but hasn't proven itself (elected comes before writable)"),
    Row(_S.STALLED, _ANY, _STABLE, Keep.ADOPT,
        "nothing came of it within switching_timeout, and the primary still proves itself"),
    Row(_S.STALLED_UNPROVEN, _ANY, _LOST, Keep.DROP,
        "no primary was proven within switching_timeout"),
)  # fmt: skip


def row_for(phase: Phase, situation: Situation) -> Row:
    """Return the one row for this pair."""
    (row,) = [row for row in ROWS if row.situation is situation and phase in row.phases]
    return row
