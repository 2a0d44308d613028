"""A ledger of what scheduled actions did, kept by the database, and what it proves.

Jobs note start and end in transactions of their own. Triggers note each time a job's next date
moves on (a *booking*: Odoo takes it for run) and each grant of a lease. Commits are ordered by
PostgreSQL's own commit timestamps (``track_commit_timestamp``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

SCHEMA = """
CREATE SEQUENCE job_run;
CREATE TABLE job_ledger (
    run bigint, job int, event text, node text, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE job_booking (job int, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE job_grant (holder text, token int);
GRANT ALL ON job_ledger, job_booking, job_grant, job_run TO PUBLIC;
CREATE FUNCTION book() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_booking (job) VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER book AFTER UPDATE OF nextcall ON ir_cron FOR EACH ROW
    WHEN (OLD.nextcall < NEW.nextcall) EXECUTE FUNCTION book();
"""
GRANTS = """
CREATE FUNCTION note_grant() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO job_grant VALUES (NEW.holder, NEW.token); RETURN NULL; END $$;
CREATE TRIGGER granted AFTER INSERT OR UPDATE OF token ON ha_cron_lease
    FOR EACH ROW EXECUTE FUNCTION note_grant();
"""
#: What each job runs; ``seconds`` is how long it works.
CODE = """
job = env.context['cron_id']
env.cr.execute("SELECT nextval('job_run')")
run = env.cr.fetchone()[0]
def note(event):
    env.cr.execute("INSERT INTO job_ledger (run, job, event, node)"
        " VALUES (%s, %s, %s, current_setting('application_name'))", (run, job, event))
note('start')
env.cr.commit()
time.sleep({seconds})
note('end')
"""
READ_RUNS = """
SELECT run, job, min(node),
       min(extract(epoch FROM at)) FILTER (WHERE event = 'start'),
       min(extract(epoch FROM pg_xact_commit_timestamp(xmin))) FILTER (WHERE event = 'start'),
       min(extract(epoch FROM pg_xact_commit_timestamp(xmin))) FILTER (WHERE event = 'end')
  FROM job_ledger GROUP BY run, job
"""
READ_BOOKINGS = """
SELECT job, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM job_booking
"""
READ_GRANTS = """
SELECT split_part(holder, '/', 1), token, extract(epoch FROM pg_xact_commit_timestamp(xmin))
  FROM job_grant
"""


@dataclass(frozen=True)
class Run:
    """One run; times are the database's. ``ended`` is None when its end was never committed."""

    number: int
    job: int
    node: str
    started: float
    committed: float
    ended: float | None


@dataclass(frozen=True)
class Grant:
    """From ``at`` on ``node`` held the lease."""

    node: str
    token: int
    at: float


@dataclass(frozen=True)
class Findings:
    """What the ledger proves against the scheduler; all empty is good."""

    #: pairs of runs of one job that were both under way, and both of which counted
    overlaps: list[tuple[Run, Run]] = field(default_factory=list)
    #: (job, moment): booked as run, yet no run had ended since the booking before
    skipped: list[tuple[int, float]] = field(default_factory=list)
    #: commits of a node to which the lease did not belong any more
    deposed: list[Run] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.overlaps or self.skipped or self.deposed)


def judge(
    runs: Iterable[Run], bookings: Iterable[tuple[int, float]], grants: Iterable[Grant]
) -> Findings:
    """Pure: see ``Findings``."""
    by_job = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.started):
        by_job[run.job].append(run)
    booked = defaultdict(list)
    for job, at in bookings:
        booked[job].append(at)
    ordered = sorted(grants, key=lambda grant: grant.at)
    return Findings(
        [pair for found in by_job.values() for pair in _overlaps(found)],
        [
            (job, at)
            for job, moments in booked.items()
            for at in _without_run(sorted(moments), by_job[job])
        ],
        [run for found in by_job.values() for run in found if _by_deposed(run, ordered)],
    )


def _overlaps(runs: list[Run]) -> list[tuple[Run, Run]]:
    counted = [run for run in runs if run.ended is not None]
    return [
        (one, other)
        for position, one in enumerate(counted)
        for other in counted[position + 1 :]
        if one.ended is not None and other.started < one.ended
    ]


def _without_run(moments: list[float], runs: list[Run]) -> list[float]:
    ends = sorted(run.ended for run in runs if run.ended is not None)
    missing, before = [], float("-inf")
    for moment in moments:
        if not any(before < end <= moment for end in ends):
            missing.append(moment)
        before = moment
    return missing


def _by_deposed(run: Run, grants: list[Grant]) -> bool:
    for commit in (run.committed, run.ended):
        if commit is None:
            continue
        holders = [grant.node for grant in grants if grant.at < commit]
        if holders and holders[-1] != run.node:
            return True
    return False
