"""Reads a run's tokens out of the databases, the final primary and each replica."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from ha_setup.drill.ledger import Rows

_CATCH_UP_TIMEOUT = 60.0
_TOKENS = """
    SELECT token, count(*) FROM (
        SELECT ref AS token FROM res_partner WHERE ref LIKE %(prefix)s
        UNION ALL
        SELECT name FROM ir_attachment WHERE name LIKE %(prefix)s AND res_field IS NULL
    ) AS written GROUP BY token
"""


def collect(
    run: str, primary: str, nodes: Iterable[str], connect: Callable[[str], Connection]
) -> tuple[Rows, dict[str, Rows | None]]:
    """Rows by token of the run on the primary, and on each replica once it replayed all the primary had
    written by then; None for a replica that did not get there in a minute."""
    with contextlib.closing(connect(primary)) as connection:
        rows = _tokens(connection, run)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_lsn()")
            found = cursor.fetchone()
    if found is None:
        raise psycopg2.DataError(f"{primary} gave no WAL position")
    return rows, {
        node: _replica_tokens(node, run, str(found[0]), connect)
        for node in nodes
        if node != primary
    }


def history(primary: str, connect: Callable[[str], Connection]) -> str:
    """The history file of the primary's timeline; empty on the first, which has none."""
    with contextlib.closing(connect(primary)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
        found = cursor.fetchone()
        name = f"{found[0]}.history" if found else ""
        cursor.execute("SELECT pg_read_file('pg_wal/' || %s, 0, 1000000, true)", (name,))
        row = cursor.fetchone()
    return str(row[0]) if row and row[0] is not None else ""


def _replica_tokens(
    node: str, run: str, lsn: str, connect: Callable[[str], Connection]
) -> Rows | None:
    deadline = time.monotonic() + _CATCH_UP_TIMEOUT
    while True:
        try:
            with contextlib.closing(connect(node)) as connection:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn",
                        (lsn,),
                    )
                    row = cursor.fetchone()
                if row and row[0]:
                    return _tokens(connection, run)
        except psycopg2.Error:
            pass  # it may be starting; the deadline decides
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.5)


def _tokens(connection: Connection, run: str) -> Rows:
    with connection.cursor() as cursor:
        # Tokens of before the load's start ("run-before-…") are no part of the ledger.
        cursor.execute(_TOKENS, {"prefix": run.replace("_", r"\_") + "-%"})
        return {
            token: count
            for token, count in cursor.fetchall()
            if not token.startswith(f"{run}-before-")
        }
