"""Compares what clients were told about their writes with what the databases hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ha_setup.drill.verdicts import Verdict

Rows = Mapping[str, int]  # token → number of rows that carry it


class Told(StrEnum):
    """What the client of a write knows."""

    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    UNKNOWN = "unknown"


def told(verdict: Verdict) -> Told:
    """A bad answer, a balancer's 502 included, tells the user "failed"; only silence leaves him in doubt."""
    if verdict.ok:
        return Told.ACKNOWLEDGED
    return Told.UNKNOWN if verdict.in_doubt else Told.FAILED


@dataclass(frozen=True)
class Reckoning:
    """The comparison's findings; each tuple holds tokens, sorted.

    `lost`: acknowledged, and in no row of the primary. `duplicates`: in more than one row.
    `ghosts`: in a row although the client was told that it failed, or never sent it.
    `doubtful_committed`, `doubtful_absent`: no answer came; either end is correct.
    `disagreements`: replica → tokens whose number of rows differs from the primary's; a replica that
    could not be read, or did not catch up, maps to None.
    """

    acknowledged: int
    lost: tuple[str, ...]
    duplicates: tuple[str, ...]
    ghosts: tuple[str, ...]
    doubtful_committed: tuple[str, ...]
    doubtful_absent: tuple[str, ...]
    disagreements: Mapping[str, tuple[str, ...] | None]


def reckon(
    ledger: Mapping[str, Told], primary: Rows, replicas: Mapping[str, Rows | None]
) -> Reckoning:
    """Compare the ledger of one run with the rows of that run's tokens, on the final primary and each replica."""
    present = {token for token, count in primary.items() if count > 0}
    by_told = {kind: {token for token, what in ledger.items() if what is kind} for kind in Told}
    return Reckoning(
        acknowledged=len(by_told[Told.ACKNOWLEDGED]),
        lost=_sorted(by_told[Told.ACKNOWLEDGED] - present),
        duplicates=_sorted({token for token, count in primary.items() if count > 1}),
        ghosts=_sorted((by_told[Told.FAILED] & present) | (present - set(ledger))),
        doubtful_committed=_sorted(by_told[Told.UNKNOWN] & present),
        doubtful_absent=_sorted(by_told[Told.UNKNOWN] - present),
        disagreements={
            name: differing
            for name, rows in sorted(replicas.items())
            if (differing := _differing(primary, rows)) is None or differing
        },
    )


def _differing(primary: Rows, replica: Rows | None) -> tuple[str, ...] | None:
    if replica is None:
        return None
    tokens = set(primary) | set(replica)
    return _sorted({token for token in tokens if primary.get(token, 0) != replica.get(token, 0)})


def _sorted(tokens: set[str]) -> tuple[str, ...]:
    return tuple(sorted(tokens))
