"""The fence: what a job commits counts only while its node's grant is the last one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
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


#: The grant under which this thread goes through the jobs of a database.
_leading: ContextVar[Lease | None] = ContextVar("ha_cron_leader.leading", default=None)
#: The grant that this thread's commits must hold, while a job runs.
_fenced: ContextVar[Lease | None] = ContextVar("ha_cron_leader.fenced", default=None)


@contextmanager
def leading(lease: Lease | None) -> Iterator[None]:
    """The jobs started inside run under ``lease``; None is stock behaviour."""
    before = _leading.set(lease)
    try:
        yield
    finally:
        _leading.reset(before)


def current() -> Lease | None:
    """The grant under which jobs are started in this thread."""
    return _leading.get()


@contextmanager
def commits_checked() -> Iterator[None]:
    """Inside, every commit of this thread in the database of its grant is checked."""
    before = _fenced.set(_leading.get())
    try:
        yield
    finally:
        _fenced.reset(before)


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
