"""The rules that no decision may break, checked on every one. Pure."""

from __future__ import annotations

from .errors import InvariantBroken
from .state import Limits, Moment, State
from .transitions import Phase


def check_invariants(before: State, after: State, now: Moment, limits: Limits) -> None:
    """Raise InvariantBroken, naming the rule, when ``after`` must not follow ``before``."""
    old, new = before.memory, after.memory
    moved = new.primary != old.primary
    rules = {
        "the epoch rises exactly when the proven primary changes": (
            new.epoch == old.epoch + 1 if moved else new.epoch == old.epoch
        ),
        "the highest timeline never falls": new.highest_timeline >= old.highest_timeline,
        "no primary below the highest timeline": (
            after.primary is None or after.primary.timeline >= new.highest_timeline
        ),
        "the system identifier never changes": (
            old.system_identifier in (None, new.system_identifier)
        ),
        "a primary is of the known cluster": (
            after.primary is None or after.primary.system_identifier == new.system_identifier
        ),
        "a primary is the one last proven": after.primary in (None, new.primary),
        "a primary is published only while its proof is young": (
            after.primary is None
            or (
                after.proven_at is not None
                and now.monotonic - after.proven_at < limits.prove_timeout
            )
        ),
        "stable has a primary": after.phase is not Phase.STABLE or after.primary is not None,
        "lost has none": after.phase is not Phase.LOST or after.primary is None,
    }
    for rule, holds in rules.items():
        if not holds:
            raise InvariantBroken(f"{rule}: {before} → {after}")
