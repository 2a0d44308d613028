"""Finds out what became of a request that came before."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from odoo import sql_db

from ..gate.connect import connect
from ..marker import table
from ..marker.commit import Connect, asking, deadline, resolve
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
    """What the rows say now; of a transaction that still runs there is none. "Committed" is said
    only when no failover can undo it any more: a row may be seen before the synchronous standby has it.

    :raises psycopg2.Error: when the database can't be asked within the budget
    """
    again = _connect(request)
    while True:
        with asking(again, deadline()) as (_connection, cursor):
            found = _read(cursor, request)
        if not found.committed or resolve(key.token(request.key, found.generation), again):
            return found


def refuse(request: Request) -> Found:
    """The same, before the client is told an error: where nothing was committed, nobody will commit
    it any more. Waits for a transaction of it that still runs.

    :raises psycopg2.Error: when the database can't be asked within the budget
    """
    with asking(_connect(request), deadline()) as (_connection, cursor):
        while True:
            found = _read(cursor, request)
            if found.committed or found.refused or found.generation == key.TOKENS:
                return found
            cursor.execute(table.REFUSE, (key.token(request.key, found.generation),))


def _connect(request: Request) -> Connect:
    _, info = sql_db.connection_info_for(request.dbname)
    return partial(connect, info, readonly=False)


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
