"""When a failed call to Redis is tried again. Pure: time and chance are passed in."""

from dataclasses import dataclass

FIRST_DELAY = 0.05
LONGEST_DELAY = 0.5


@dataclass(frozen=True)
class Outage:
    """Since when Redis has not answered this process; ``None`` while it does."""

    since: float | None = None


def after_failure(
    outage: Outage, *, attempt: int, now: float, budget: float, chance: float
) -> tuple[Outage, float | None]:
    """The new state, and the seconds to wait before the next attempt (``None``: give up).

    The budget is counted from the outage's first failure, not from each call's: a long outage
    costs each process one budget, and afterwards each call one attempt.

    :param attempt: how often this call has failed, from 1
    :param chance: in [0, 1), spreads the attempts of many workers
    """
    since = now if outage.since is None else outage.since
    left = since + budget - now
    if left <= 0:
        return Outage(since), None
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempt - 1, 10))
    return Outage(since), min(delay * (0.5 + chance / 2), left)


def after_success(outage: Outage) -> Outage:
    """Any answer ends the outage."""
    return outage if outage.since is None else Outage()
