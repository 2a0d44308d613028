"""May a transaction start now? A pure decision.

==============  =====================================  ==================================
budget left     topology                               decision
==============  =====================================  ==================================
no              any                                    give up
yes             fresh, writable                        connect to its primary
yes             fresh, switching; the thread has a     connect where that one is
                transaction open in this epoch
yes             fresh, switching or lost               wait
yes             absent or stale                        connect to any writable host (libpq)
==============  =====================================  ==================================

Invariant: with a fresh document, nobody connects anywhere but to the proven primary, or, beside a
transaction that is still open on it, to the last one.
"""

from dataclasses import dataclass

from ..topology.document import Server, Topology

#: Bounds in seconds of the pause after a failed attempt to connect.
RETRY_FIRST, RETRY_MOST = 0.02, 0.25


@dataclass(frozen=True)
class Inside:
    """The thread has a transaction open on ``server``, which was the proven primary of ``epoch``."""

    server: Server
    epoch: int


@dataclass(frozen=True)
class Decision:
    """``action`` is ``connect``, ``wait`` or ``give_up``; ``server`` None means: libpq chooses."""

    action: str
    server: Server | None = None
    epoch: int | None = None


def decide(
    topology: Topology | None, *, now: float, deadline: float, inside: Inside | None = None
) -> Decision:
    """See the module's table. Times are on one monotonic clock, in seconds."""
    if now >= deadline:
        return Decision("give_up")
    if topology is None:
        return Decision("connect")
    if topology.writable:
        return Decision("connect", topology.primary, topology.epoch)
    if topology.state == "switching" and inside is not None and inside.epoch == topology.epoch:
        return Decision("connect", inside.server, inside.epoch)
    return Decision("wait")


def retry_pause(attempt: int, jitter: float) -> float:
    """Seconds to wait after the failed ``attempt`` (from 1); ``jitter`` is from 0 to 1."""
    longest = min(RETRY_MOST, RETRY_FIRST * 2 ** min(attempt, 10))
    return longest * (0.5 + jitter / 2)
