"""What a cron process may conclude about its lease, and what it does next. Pure.

A keeper asks the database in turns (``statements.ACQUIRE``) and tells the answer here. Times are
seconds of one monotonic clock of this process; the lease itself runs by the database's clock.

==========  ==================  ========================================================
standing    observation         becomes
==========  ==================  ========================================================
any         Granted             LEADER until ``sent_at`` + 0.9 lease; announced if new
any         Held                FOLLOWER; tries again when the holder's lease ends; where
                                nobody would tell of its end before, sooner
any         Missing             ABSENT: no lease table, so this database behaves as stock
LEADER      Failed in time      LEADER still, tries again soon
LEADER      Failed too late     FOLLOWER: somebody else may have the lease by now
others      Failed              the same, tries again soon
==========  ==================  ========================================================

Invariant: at most one holder at a time is a LEADER whose ``valid_until`` lies ahead, as long as
clocks run at the same speed to within a tenth. When they don't, the fence (``fence.py``) still
keeps the older one from committing.

A leader that is asked to hand its pool over starts no job any more, and neither does anybody
while the pool is paused; the lease stays until the jobs under way have ended.
"""

from dataclasses import dataclass, replace
from enum import Enum

#: Seconds until a database that lacks the table is asked again.
LOOK_FOR_TABLE = 60.0
#: A refusal younger than this (seconds) is believed without asking again.
REFUSAL_HOLDS = 1.0
_NEVER = float("-inf")


@dataclass(frozen=True)
class Terms:
    """The timing that follows from the lease's length (seconds)."""

    lease: float

    @property
    def renew_every(self) -> float:
        """Leaves time for another two turns when one fails."""
        return self.lease * 0.4

    @property
    def timeout(self) -> float:
        """The longest one turn may take."""
        return self.lease / 6

    @property
    def retry_after(self) -> float:
        """The pause after a failed turn."""
        return self.lease / 30

    @property
    def trusted(self) -> float:
        """How long after asking for it a granted lease is relied on."""
        return self.lease * 0.9


class Standing(Enum):
    """What this process is for a database's pool."""

    UNKNOWN = "has not asked yet"
    LEADER = "runs the jobs"
    FOLLOWER = "leaves the jobs to the leader"
    ABSENT = "the database has no leases: every node runs jobs, as in stock Odoo"


@dataclass(frozen=True)
class Granted:
    """We hold the lease: ``token`` is our grant, asked for at ``sent_at``."""

    token: int
    sent_at: float
    paused: bool = False
    #: shall it be handed over to another node?
    yields: bool = False


@dataclass(frozen=True)
class Held:
    """``holder`` holds the lease for another ``remaining`` seconds unless it renews."""

    holder: str
    remaining: float
    #: will this process be told when the holder ends or lets go?
    watched: bool = False


@dataclass(frozen=True)
class Missing:
    """The lease table does not exist."""


@dataclass(frozen=True)
class Failed:
    """The database gave no usable answer."""

    reason: str


Observation = Granted | Held | Missing | Failed


@dataclass(frozen=True)
class Announce:
    """Say it in the log, at ``level``."""

    level: str
    text: str


@dataclass(frozen=True)
class Wake:
    """Wake the cron processes: a new leader shall not wait for the next poll."""


Action = Announce | Wake


@dataclass(frozen=True)
class State:
    """What is known between two turns; ``due`` is when to ask next."""

    standing: Standing = Standing.UNKNOWN
    token: int | None = None
    valid_until: float = _NEVER
    due: float = _NEVER
    seen_at: float = _NEVER
    failures: int = 0
    #: whom a follower leaves the jobs to
    holder: str = ""
    watched: bool = False
    paused: bool = False
    yields: bool = False


def may_run(state: State, now: float) -> bool:
    """May a job start now?"""
    if state.standing is Standing.ABSENT:
        return True
    return is_leader(state, now) and not state.paused and not state.yields


def is_leader(state: State, now: float) -> bool:
    """Does the lease, as far as we know, still run?"""
    return state.standing is Standing.LEADER and now < state.valid_until


def worth_asking(state: State, now: float) -> bool:
    """A cron process wants to run jobs: may a turn before ``due`` change the answer?"""
    known = is_leader(state, now) or state.standing is Standing.ABSENT or state.watched
    return not known and now - state.seen_at >= REFUSAL_HOLDS


def ask_now(state: State) -> State:
    """Make the next turn due."""
    return replace(state, due=_NEVER)


def let_go(now: float) -> State:
    """The lease was given back; it is asked for as soon as the node may ask again."""
    return State(standing=Standing.FOLLOWER, due=now, seen_at=now)


def observe(
    state: State, observation: Observation, now: float, terms: Terms
) -> tuple[State, tuple[Action, ...]]:
    """Fold one answer in; see the module's table."""
    match observation:
        case Granted():
            return _granted(state, observation, now, terms)
        case Held():
            return _held(state, observation, now, terms)
        case Missing():
            return _missing(state, now)
        case Failed(reason):
            return _failed(state, reason, now, terms)


def _granted(
    state: State, grant: Granted, now: float, terms: Terms
) -> tuple[State, tuple[Action, ...]]:
    new = State(
        standing=Standing.LEADER,
        token=grant.token,
        valid_until=grant.sent_at + terms.trusted,
        due=max(now, grant.sent_at + terms.renew_every),
        seen_at=now,
        paused=grant.paused,
        yields=grant.yields,
    )
    if state.standing is not Standing.LEADER or state.token != grant.token:
        said: tuple[Action, ...] = (
            Announce("info", f"runs the scheduled actions now (token {grant.token})"),
        )
        return new, (*said, Wake())
    return new, (Wake(),) * (may_run(new, now) and not may_run(state, now))


def _held(state: State, held: Held, now: float, terms: Terms) -> tuple[State, tuple[Action, ...]]:
    # A hair later than the end, by the database's clock, or the next turn is in vain too.
    wait = max(0.0, held.remaining) + terms.retry_after / 10
    if held.remaining <= 0:  # it is kept for another node
        wait = terms.retry_after
    if not held.watched:
        wait = min(terms.renew_every, wait)
    new = State(
        standing=Standing.FOLLOWER,
        due=now + wait,
        seen_at=now,
        holder=held.holder,
        watched=held.watched,
    )
    if state.standing is Standing.LEADER and not state.yields:
        return new, (Announce("warning", f"lost the lease to {held.holder}"),)
    if state.standing is not Standing.FOLLOWER:
        return new, (Announce("info", f"leaves the scheduled actions to {held.holder}"),)
    return new, ()


def _missing(state: State, now: float) -> tuple[State, tuple[Action, ...]]:
    new = State(standing=Standing.ABSENT, due=now + LOOK_FOR_TABLE, seen_at=now)
    if state.standing is Standing.ABSENT:
        return new, ()
    text = "has no leases: install the app ha_cron_leader, until then each node runs jobs as stock"
    return new, (Announce("warning", text),)


def _failed(
    state: State, reason: str, now: float, terms: Terms
) -> tuple[State, tuple[Action, ...]]:
    # Another try soon; ever later where nothing is at stake.
    tries = 1 if is_leader(state, now) else min(state.failures + 1, 10)
    new = replace(
        state,
        due=now + terms.retry_after * tries,
        seen_at=now,
        failures=state.failures + 1,
        watched=False,
    )
    if state.standing is Standing.LEADER and now >= state.valid_until:
        new = replace(new, standing=Standing.FOLLOWER, token=None, valid_until=_NEVER)
        return new, (Announce("warning", f"could not renew the lease in time: {reason}"),)
    if not state.failures:
        return new, (Announce("info", f"could not ask for the lease: {reason}"),)
    return new, ()
