"""Scheduled actions that a failover caught: run again at once, but none that is done.

The server's cron processes go through the jobs of a database in a *turn*. A job whose connection
is lost before its commit ends the turn, and the next one, as soon as there is a database, runs it
again: its row still says that it is due. A job that is done, but whose row could not be updated
any more, is *booked* on the new primary instead; running it again would do its work twice.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from odoo import api
from odoo.addons.ha_base.settings import current

from .errors import ConnectionLost, was_lost
from .gate import budget
from .settings import Settings

_logger = logging.getLogger(__name__)

#: So often a job is run again at once; a job may itself be what ends its connection.
_AT_ONCE = 3
#: Seconds that a job rests which was caught more often than that.
_REST = 60.0
#: Seconds between two tries to book a job; the wait for a server happens when it connects.
_PAUSE = 0.2

_local = threading.local()


class TurnLost(ConnectionLost):
    """The turn through the jobs of ``database`` ended because its connection was lost."""

    def __init__(self, database: str) -> None:
        super().__init__(f"lost the connection to {database}; its jobs are gone through again")
        self.database = database


@dataclass
class Run:
    """One job in a turn."""

    #: when it was acquired, by the database's clock
    started: datetime
    #: the progress record of the last round that was committed; None while one is under way
    done: int | None = None
    #: whether its last commit took effect could not be found out
    in_doubt: bool = False


@dataclass
class Caught:
    """How often in a row a job lost its connection, and when it did last (monotonic)."""

    times: int = 0
    last: float = 0.0


#: (database, job) → how it fared in this process
_caught: dict[tuple[str, int], Caught] = {}


@contextmanager
def turn() -> Iterator[None]:
    """A cron process goes through jobs; elsewhere (a user runs a job now) all is as in stock."""
    _local.turn = True
    try:
        yield
    finally:
        _local.turn = False


def in_turn() -> bool:
    return getattr(_local, "turn", False)


def present_run() -> Run | None:
    """The job that this thread runs in a turn."""
    found: Run | None = getattr(_local, "run", None)
    return found


def rests(database: str, job_id: int) -> bool:
    """Was the job caught so often that it is left for a while?"""
    caught = _caught.get((database, job_id))
    return caught is not None and caught.times > _AT_ONCE and time.monotonic() - caught.last < _REST


def forgive(database: str, job: dict[str, Any]) -> None:
    """A run that a failover ended is no time-out of the job's, which Odoo takes it for."""
    caught = _caught.get((database, job["id"]))
    if caught is not None and caught.times <= _AT_ONCE:
        job["timed_out_counter"] = max(0, job["timed_out_counter"] - 1)


def process(original: Any, cls: Any, cron_cr: Any, job: dict[str, Any]) -> None:
    """Run one job of a turn and commit what became of it.

    :raises psycopg2.Error: the connection was lost; what there was to book is booked
    """
    key = (cron_cr.dbname, job["id"])
    run = _local.run = Run(started=cron_cr.now())
    try:
        original(cls, cron_cr, job)
        cron_cr.commit()
    except Exception as error:
        if not was_lost(error):
            raise
        if not cron_cr._cnx.closed:
            cron_cr._cnx.close()  # its lock on the job's row would be in our way
        if run.in_doubt:
            _logger.error(
                "Job %r (%s): whether it was saved could not be found out. It is not run again "
                "before its time; please check what it did",
                job["cron_name"],
                job["id"],
            )
        if (run.in_doubt or run.done is not None) and _book(cls, job, run):
            _caught.pop(key, None)
        else:
            caught = _caught.setdefault(key, Caught())
            caught.times, caught.last = caught.times + 1, time.monotonic()
            _logger.warning("Job %r (%s) is run again", job["cron_name"], job["id"])
        raise
    else:
        _caught.pop(key, None)
    finally:
        _local.run = None


def _book(cls: Any, job: dict[str, Any], run: Run) -> bool:
    """Write what became of a job on the new primary, as Odoo would have; False when the primary
    knows nothing of the run, which then was lost with the old one."""
    with budget(current(Settings).hold_timeout) as hold:
        deadline = hold.begin()
        while True:
            try:
                with cls.pool.cursor() as cr:
                    cr._now = run.started  # a trigger that came during the run stays
                    return _write(cls, cr, job, run)
            except Exception as error:
                if not was_lost(error) or time.monotonic() >= deadline:
                    _logger.error(
                        "Job %r (%s) is done, but this could not be written: it will run again",
                        job["cron_name"],
                        job["id"],
                    )
                    raise
                time.sleep(_PAUSE)


def _write(cls: Any, cr: Any, job: dict[str, Any], run: Run) -> bool:
    from odoo.addons.base.models.ir_cron import CompletionStatus  # noqa: PLC0415

    cron = api.Environment(cr, job["user_id"], {})[cls._name]
    status = CompletionStatus.FAILED  # as far as the schedule goes; it isn't counted as a failure
    if run.done is not None:
        cr.execute(
            "UPDATE ir_cron_progress SET timed_out_counter = 0 WHERE id = %s"
            " RETURNING remaining, deactivate",
            [run.done],
        )
        row = cr.fetchone()
        if row is None:
            return False
        remaining, deactivate = row
        status = CompletionStatus.PARTIALLY_DONE if remaining else CompletionStatus.FULLY_DONE
        if deactivate and not remaining:
            job["active"] = False
        cron._update_failure_count(job, status)
    cron._clear_schedule(job)
    if status == CompletionStatus.PARTIALLY_DONE:
        cron._reschedule_asap(job)
    else:
        cron._reschedule_later(job)
    _logger.info("Job %r (%s) %s; noted on the new primary", job["cron_name"], job["id"], status)
    return True
