"""The fence: what a job commits counts only while its node's grant is the last one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import psycopg2.errors
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS

from . import statements
from .errors import LeaseLost


@dataclass(frozen=True)
class Lease:
    """A grant, as the jobs that run under it know it."""

    database: str
    pool: str
    holder: str
    token: int


@dataclass
class Turn:
    """A cron process goes through the jobs of a database."""

    #: by pool, the grants under which it may start jobs
    leases: dict[str, Lease]
    #: the pools of the jobs that are ready
    pools: dict[int, str] = field(default_factory=dict)
    #: what became of the job that was run last
    status: str = ""

    def lease_of(self, job_id: int) -> Lease | None:
        """The grant for the job, if there is one."""
        return self.leases.get(self.pools.get(job_id, statements.MAIN))


_turn: ContextVar[Turn | None] = ContextVar("ha_cron_leader.turn", default=None)
#: The grant that this thread's commits must hold, while a job runs.
_fenced: ContextVar[Lease | None] = ContextVar("ha_cron_leader.fenced", default=None)


@contextmanager
def leading(leases: dict[str, Lease] | None) -> Iterator[None]:
    """The jobs started inside run under ``leases``; None is stock behaviour."""
    token = _turn.set(None if leases is None else Turn(leases))
    try:
        yield
    finally:
        _turn.reset(token)


def current() -> Turn | None:
    """The turn in which jobs are started in this thread."""
    return _turn.get()


@contextmanager
def commits_checked(lease: Lease | None) -> Iterator[None]:
    """Inside, every commit of this thread in the database of ``lease`` is checked."""
    before = _fenced.set(lease)
    try:
        yield
    finally:
        _fenced.reset(before)


def fenced_by() -> Lease | None:
    """The grant under which this thread's job runs."""
    return _fenced.get()


def check(cursor: Any) -> None:
    """Called before COMMIT, in the transaction itself.

    :raises LeaseLost: another node was granted the lease since; roll back
    """
    lease = _fenced.get()
    if lease is None or lease.database != cursor.dbname or cursor.readonly:
        return
    cursor.flush()  # what is written only now belongs to the transaction too
    connection = cursor._cnx
    if connection.closed or connection.get_transaction_status() != TRANSACTION_STATUS_INTRANS:
        return  # nothing will be committed
    # A cursor of its own: results may be read from the other one after its commit.
    with connection.cursor() as own:
        try:
            own.execute(
                statements.CHECK,
                {"pool": lease.pool, "holder": lease.holder, "token": lease.token},
            )
        except psycopg2.errors.SerializationFailure as error:
            # The token changed after this transaction's snapshot.
            raise LeaseLost(_text(lease)) from error
        if own.fetchone() is None:
            raise LeaseLost(_text(lease))


def _text(lease: Lease) -> str:
    return (
        f"{lease.holder} no longer holds the lease of the scheduled actions of "
        f"{lease.database} (pool {lease.pool}, token {lease.token}); rolled back"
    )
