"""When Redis is asked, waited for and left alone. Pure: time and chance are passed in.

=========  =====================================  =============================================
state      a call                                 what ends it
=========  =====================================  =============================================
CLOSED     is made                                a failure: WAITING; a refusal: OPEN
WAITING    is made again and again, for as long   an answer: CLOSED; the patience, counted from
           as the patience lasts                  the first failure, is over: OPEN
OPEN       fails at once, without a network call  Redis answers a probe: RETURNING
RETURNING  fails at once; what was written        all is there: CLOSED; a failure: OPEN
           elsewhere is brought to Redis
=========  =====================================  =============================================

So an outage costs a process one patience, however many requests it has, and no call reaches Redis
between the outage and the end of RETURNING.
"""

from dataclasses import dataclass
from enum import Enum, auto

FIRST_DELAY = 0.05
LONGEST_DELAY = 0.5


class State(Enum):
    """See the module's table."""

    CLOSED = auto()
    WAITING = auto()
    OPEN = auto()
    RETURNING = auto()


@dataclass(frozen=True)
class Breaker:
    """One process's view of Redis.

    :param since: when the outage began (monotonic seconds); None while there is none
    :param ended: when the last outage ended; None before the first
    """

    state: State = State.CLOSED
    since: float | None = None
    ended: float | None = None

    @property
    def lets_through(self) -> bool:
        """May a call be made?"""
        return self.state in (State.CLOSED, State.WAITING)


def after_failure(
    breaker: Breaker, *, attempt: int, now: float, patience: float, chance: float
) -> tuple[Breaker, float | None]:
    """A call got no answer: the new state, and the seconds to wait before the next attempt
    (None: give up).

    :param attempt: how often this call has failed, from 1
    :param chance: in [0, 1), spreads the attempts of many workers
    """
    if not breaker.lets_through:
        return breaker, None
    since = now if breaker.since is None else breaker.since
    left = since + patience - now
    if left <= 0:
        return Breaker(State.OPEN, since, breaker.ended), None
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempt - 1, 10))
    return Breaker(State.WAITING, since, breaker.ended), min(delay * (0.5 + chance / 2), left)


def after_refusal(breaker: Breaker, *, now: float) -> Breaker:
    """Redis answers but refuses to work (password, certificate, memory): waiting won't help."""
    if breaker.state is State.OPEN:
        return breaker
    return Breaker(State.OPEN, now if breaker.since is None else breaker.since, breaker.ended)


def after_success(breaker: Breaker, *, now: float) -> Breaker:
    """An answer ends the waiting. One that was on its way while the breaker opened doesn't close
    it: what was written elsewhere isn't in Redis yet."""
    return Breaker(State.CLOSED, None, now) if breaker.state is State.WAITING else breaker


def after_probe(breaker: Breaker, *, answered: bool) -> Breaker:
    """Redis was asked in the background."""
    if breaker.state is State.OPEN and answered:
        return Breaker(State.RETURNING, breaker.since, breaker.ended)
    return breaker


def after_return(breaker: Breaker, *, complete: bool, now: float) -> Breaker:
    """What was written elsewhere is in Redis (``complete``), or that failed."""
    if breaker.state is not State.RETURNING:
        return breaker
    if not complete:
        return Breaker(State.OPEN, breaker.since, breaker.ended)
    return Breaker(State.CLOSED, None, now)
