"""Finds out what became of a request that came before."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from odoo import sql_db
from odoo.addons.ha_base.settings import current

from ..gate import remaining
from ..gate.connect import connect
from ..gate.link import ends_at
from ..marker import table
from ..settings import Settings
from . import key
from .request import Request


@dataclass(frozen=True)
class Found:
    """
    :param committed: the request was committed; this is final
    :param answer: what was kept of its answer; None where nothing was
    :param refused: it was not, and nobody may commit it any more: its client was told an error
    :param generation: number of the token that a further attempt carries
    """

    committed: bool
    answer: bytes | None = None
    refused: bool = False
    generation: int = 0


def find(request: Request) -> Found:
    """What the rows say now; of a transaction that still runs there is none.

    :raises psycopg2.Error: when the database can't be asked within the budget
    """
    with _asking(request.dbname) as cursor:
        return _read(cursor, request)


def refuse(request: Request) -> Found:
    """The same, before the client is told an error: where nothing was committed, nobody will commit
    it any more. Waits for a transaction of it that still runs.

    :raises psycopg2.Error: when the database can't be asked within the budget
    """
    with _asking(request.dbname) as cursor:
        while True:
            found = _read(cursor, request)
            if found.committed or found.refused or found.generation == key.TOKENS:
                return found
            cursor.execute(table.REFUSE, (key.token(request.key, found.generation),))


@contextmanager
def _asking(dbname: str) -> Iterator[Any]:
    """A cursor in autocommit mode (READ COMMITTED: it sees what it waited for)."""
    _, info = sql_db.connection_info_for(dbname)
    deadline = time.monotonic() + remaining(current(Settings).hold_timeout)
    connection = connect(info, readonly=False)
    try:
        connection.set_session(autocommit=True, readonly=False)
        with ends_at(connection, deadline), connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _read(cursor: Any, request: Request) -> Found:
    tokens = [key.token(request.key, number) for number in range(key.TOKENS)]
    cursor.execute(table.FIND, (tokens,))
    rows = {token: (resolution, answer) for token, resolution, answer in cursor.fetchall()}
    number, committed = key.generation(request.key, {t: row[0] for t, row in rows.items()})
    if committed:
        answer = rows[key.token(request.key, number)][1]
        return Found(True, None if answer is None else bytes(answer), generation=number)
    refused = any(resolution and answer is not None for resolution, answer in rows.values())
    return Found(False, refused=refused, generation=number)
