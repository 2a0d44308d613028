"""The unit of work: what is replayed as a whole (a request, an RPC call).

It remembers what decides whether a replay is safe: was anything committed on the cursor of the
work itself? Commits on other cursors (sequences, logs) don't count: Odoo's own retry on
serialization failures repeats the work over them too.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .resubmission.request import Request

_local = threading.local()


class _Missing(Enum):
    RESULT = "no result"


MISSING = _Missing.RESULT


@dataclass
class Unit:
    """One attempt-after-attempt piece of work in the present thread."""

    parent: "Unit | None" = None
    #: the cursor that ``retrying`` commits in the end
    cursor: Any = None
    #: commits, in this attempt, of transactions that wrote, on ``cursor`` or in inner units
    commits: int = 0
    #: the work's result, once it stands (its last commit is done)
    result: Any = field(default=MISSING)
    #: may only so many of its kind wait at once?
    limited: bool = True
    #: what is known of the request, where it may come a second time
    request: Request | None = None
    #: makes of a result what is kept beside the marker; None where it can't be kept
    keep: Callable[[Any], bytes | None] | None = None
    #: what the work returned, once it is about to be committed
    returned: Any = field(default=MISSING)

    def begin_attempt(self) -> None:
        """Forget the attempt before."""
        self.cursor, self.commits = None, 0
        self.result = self.returned = MISSING

    def kept(self) -> bytes | None:
        """What is kept beside the marker of the commit that comes now."""
        if self.keep is None or self.returned is MISSING:
            return None
        return self.keep(self.returned)

    def committed(self, cursor: Any) -> None:
        """A transaction that wrote was committed on ``cursor``."""
        if cursor is self.cursor:
            self.commits += 1
            if self.request is not None:
                self.request.marked = True


def current() -> Unit | None:
    """The innermost unit of the present thread."""
    found: Unit | None = getattr(_local, "unit", None)
    return found


@contextmanager
def unit(
    limited: bool = True,
    request: Request | None = None,
    keep: Callable[[Any], bytes | None] | None = None,
) -> Iterator[Unit]:
    """Open a unit; what was committed inside makes the outer one unrepeatable."""
    new = Unit(parent=current(), limited=limited, request=request, keep=keep)
    _local.unit = new
    try:
        yield new
    finally:
        _local.unit = new.parent
        if new.parent is not None:
            new.parent.commits += new.commits


class Verdict(Enum):
    """What to do with a unit whose connection was lost."""

    ANSWER = "its last commit is done: give its result"
    REPLAY = "nothing of it was committed: run it again"
    PARTIAL = "it committed and went on: neither answer nor replay would be right"
    UNKNOWN = "a commit is in doubt and could not be resolved"
    EXPIRED = "no writable database within the hold budget"
    UPLOAD = "an upload can't be read a second time"
    ANSWERED = "it came before and was saved; its answer was not kept"
    REFUSED = "it came before and was answered with an error"


def judge(
    *, result: bool, commits: int, in_doubt: bool, unavailable: bool, now: float, deadline: float
) -> Verdict:
    """Pure. Invariant: REPLAY only if nothing was committed and no commit is in doubt.

    :param result: the work returned and its last commit, if it needed one, is done
    :param commits: writing commits of this attempt
    :param in_doubt: an unresolved commit stands behind the error
    :param unavailable: the wait for a database ended without one
    """
    if in_doubt:
        return Verdict.UNKNOWN
    if result:
        return Verdict.ANSWER
    if commits:
        return Verdict.PARTIAL
    if unavailable or now >= deadline:
        return Verdict.EXPIRED
    return Verdict.REPLAY
