"""The loop that runs a unit of work until it is answered."""

import logging
import time
from collections.abc import Callable
from typing import Any

import psycopg2
from odoo.addons.ha_base.settings import current

from . import caches, work
from .counters import counters
from .errors import AlreadyMarked, DatabaseUnavailable, chain, unresolved, was_lost
from .gate import budget
from .resubmission import lookup
from .resubmission.request import Request
from .settings import Settings
from .work import Verdict

_logger = logging.getLogger(__name__)

#: Seconds between attempts of one unit; the wait for a server happens when it connects.
_PAUSE = 0.05


class Unanswerable(Exception):
    """The unit failed for good because of an outage; ``verdict`` says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.value)
        self.verdict = verdict


class AnsweredBefore(Exception):
    """The request came before and was committed; ``answer`` is what was kept of its answer."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("it came before and was saved")
        self.answer = answer


def run(
    attempt: Callable[[], Any],
    rewind: Callable[[], None],
    label: str,
    *,
    limited: bool = True,
    request: Request | None = None,
    keep: Callable[[Any], bytes | None] | None = None,
) -> Any:
    """Run ``attempt`` until it is answered; run it again, whole, when its connection was lost.

    :param attempt: the work; its own errors pass through untouched
    :param rewind: makes the work repeatable again; may raise :class:`Unanswerable`
    :param label: names the work in the log
    :param limited: does it count, while it waits, for ``hold_limit``?
    :param request: what is known of the request, where it may come a second time
    :param keep: makes of the result what such a request is answered then
    :raises Unanswerable: within the hold budget there was neither an answer nor a safe replay
    :raises AnsweredBefore: the request was committed when it came before; nothing is done again
    """
    with (
        work.unit(limited, request, keep) as unit,
        budget(current(Settings).hold_timeout) as hold,
    ):
        while True:
            unit.begin_attempt()
            try:
                return attempt()
            except Exception as error:
                if not was_lost(error):
                    if request is not None and not unit.commits:
                        _give_kept_answer(lookup.refuse, request, label, error)
                    raise
                deadline = hold.begin()
                if any(isinstance(e, AlreadyMarked) for e in chain(error)):
                    if request is None:
                        raise  # to the unit that is the request
                    _give_kept_answer(lookup.find, request, label, error)
                verdict = work.judge(
                    result=unit.result is not work.MISSING,
                    commits=unit.commits,
                    in_doubt=unresolved(error) is not None,
                    unavailable=any(isinstance(e, DatabaseUnavailable) for e in chain(error)),
                    now=time.monotonic(),
                    deadline=deadline,
                )
                if verdict is Verdict.ANSWER:
                    _logger.info("%s: connection lost after its last commit", label)
                    return unit.result
                if verdict is not Verdict.REPLAY:
                    if verdict is Verdict.EXPIRED:
                        _logger.warning("%s not served: %s", label, _cause(error))
                    else:
                        _logger.error("%s failed: %s", label, verdict.value, exc_info=True)
                    counters.unanswered += 1
                    raise Unanswerable(verdict) from error
                counters.replayed += 1
                _logger.info("%s: connection lost (%s); replayed", label, _cause(error))
            caches.distrust()  # this thread may have filled them after they were cleared
            rewind()
            time.sleep(_PAUSE)


def _give_kept_answer(
    look: Callable[[Request], lookup.Found], request: Request, label: str, error: Exception
) -> None:
    """Returns if the request was not committed when it came before, if it did."""
    try:
        found = look(request)
    except psycopg2.Error:
        _logger.error("%s: whether it was saved before can't be found out", label, exc_info=True)
        raise Unanswerable(Verdict.UNKNOWN) from error
    if found.committed:
        _logger.info("%s came before, and was saved", label)
        if found.answer is None:
            raise Unanswerable(Verdict.ANSWERED) from error
        raise AnsweredBefore(found.answer) from error
    if found.refused and look is lookup.find:
        raise Unanswerable(Verdict.REFUSED) from error
    request.generation = found.generation


def _cause(error: BaseException) -> str:
    """The deepest error's first line: the ones above only say "connection already closed"."""
    deepest = list(chain(error))[-1]
    return (str(deepest).strip().splitlines() or [type(deepest).__name__])[0]
