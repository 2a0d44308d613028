"""What a PgBouncer should be doing. Pure.

=====================  ==========================================  =======
published              before, in this process                     wish
=====================  ==========================================  =======
stable                 any                                         FOLLOW
switching, draining    any                                         FOLLOW
switching or lost      never stable                                RUN
switching or lost      stable; held for less than ``limit``        HOLD
switching or lost      stable; held for ``limit``                  RUN
=====================  ==========================================  =======

While open transactions drain before a switchover, Odoo itself holds new ones; an open one may need
another connection to end, which a pause would keep from it until the switchover is called off.

Invariants: nothing is held for longer than ``limit`` at one time; a sidecar that never saw the
cluster stable (it just started, perhaps without etcd) holds nobody back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ...transitions import Phase


class Wish(StrEnum):
    """What is wanted of the pooler."""

    FOLLOW = "not paused, on the proven primary"
    HOLD = "paused"
    RUN = "not paused, wherever it points"


@dataclass(frozen=True)
class Memory:
    """``held_since``: when this time of trouble began to be held, on the monotonic clock."""

    settled: bool = False
    held_since: float | None = None


def decide(
    memory: Memory, phase: Phase, now: float, limit: float, *, draining: bool = False
) -> tuple[Memory, Wish]:
    """Return the next memory and the wish; see the module's table. Times in seconds."""
    if phase is Phase.STABLE or draining:
        return Memory(settled=True), Wish.FOLLOW
    if not memory.settled:
        return memory, Wish.RUN
    if memory.held_since is None:
        memory = Memory(settled=True, held_since=now)
    held = now - (now if memory.held_since is None else memory.held_since)
    return memory, Wish.HOLD if held < limit else Wish.RUN
