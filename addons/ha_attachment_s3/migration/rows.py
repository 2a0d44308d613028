"""What a migration asks of PostgreSQL. No network, no file."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

#: Rows that are looked at together.
BATCH = 500
#: Bytes of a batch's contents, unless one content alone is more. Three batches are under way.
MOST = 21 << 20


@dataclass(frozen=True)
class Wanted:
    """What is to be moved.

    :param to: ``s3`` (where the rules may say ``db`` or ``file`` instead), ``file`` or ``db``
    :param model: only those of records of this model
    :param min_size: only those of so many bytes or more
    :param since: only those created then or later, in UTC
    :param parallel: contents that are read and stored at the same time
    :param verify: read what was stored again before the row says so
    """

    to: str
    model: str | None = None
    min_size: int = 0
    since: datetime.datetime | None = None
    parallel: int = 8
    verify: bool = False


@dataclass(frozen=True)
class Row:
    """An attachment that has a content. ``store_fname`` None: it is in the database."""

    id: int
    store_fname: str | None
    checksum: str | None
    file_size: int
    mimetype: str | None
    url: str | None
    res_model: str | None
    res_field: str | None
    company_id: int | None


_FILTERS = """
    type = 'binary' AND (store_fname IS NOT NULL OR db_datas IS NOT NULL)
    AND (%(model)s IS NULL OR res_model = %(model)s)
    AND coalesce(file_size, 0) >= %(min_size)s
    AND (%(since)s::timestamp IS NULL OR create_date >= %(since)s)
"""
_CHOSEN = {
    "s3": _FILTERS,  # the rules, and where in the bucket it is, say whether it is moved
    "file": f"{_FILTERS} AND (store_fname IS NULL OR store_fname LIKE 's3://%%')",
    "db": f"{_FILTERS} AND store_fname IS NOT NULL",
}


def count(cr: Any, wanted: Wanted) -> int:
    """How many rows there are to look at."""
    cr.execute(
        f"SELECT count(*) FROM ir_attachment WHERE {_CHOSEN[wanted.to]}", _parameters(wanted)
    )
    return int(cr.fetchone()[0])


def _parameters(wanted: Wanted) -> dict[str, Any]:
    return {"model": wanted.model, "min_size": wanted.min_size, "since": wanted.since}


def batch(cr: Any, wanted: Wanted, *, after: int, ids: Collection[int] | None = None) -> list[Row]:
    """The next rows, in the order of their ids.

    :param after: ids up to this one were looked at
    :param ids: only these
    """
    cr.execute(
        f"""
        SELECT id, store_fname, checksum, coalesce(file_size, 0), mimetype, url, res_model,
               res_field, company_id
          FROM ir_attachment
         WHERE id > %(after)s AND {_CHOSEN[wanted.to]}
           AND (%(ids)s IS NULL OR id = ANY(%(ids)s::int[]))
         ORDER BY id
         LIMIT %(limit)s
        """,
        {
            **_parameters(wanted),
            "after": after,
            "ids": None if ids is None else list(ids),
            "limit": BATCH,
        },
    )
    found: list[Row] = []
    size = 0
    for values in cr.fetchall():
        row = Row(*values)
        size += row.file_size
        if found and size > MOST:
            break
        found.append(row)
    return found


def database_contents(cr: Any, ids: Collection[int]) -> dict[int, bytes]:
    """The contents of those that still are in the database."""
    cr.execute(
        "SELECT id, db_datas FROM ir_attachment WHERE id = ANY(%s) AND db_datas IS NOT NULL"
        " AND store_fname IS NULL",
        [list(ids)],
    )
    return {identifier: bytes(content) for identifier, content in cr.fetchall()}


def switch(cr: Any, moves: Collection[tuple[Row, str]]) -> set[int]:
    """Have the rows say where their contents are now; the ids of those that do.

    Left alone are rows that someone else has locked, or changed since they were looked at: the
    transaction must be READ COMMITTED for that. Nothing waits.
    """
    ordered = sorted(moves, key=lambda move: move[0].id)
    cr.execute(
        """
        WITH wanted AS (
            SELECT * FROM unnest(%s::int[], %s::varchar[], %s::varchar[], %s::varchar[])
                AS wanted (id, old, checksum, new)
        ), locked AS (
            SELECT attachment.id, wanted.new
              FROM ir_attachment AS attachment
              JOIN wanted ON wanted.id = attachment.id
             WHERE attachment.store_fname IS NOT DISTINCT FROM wanted.old
               AND attachment.checksum IS NOT DISTINCT FROM wanted.checksum
             ORDER BY attachment.id
               FOR UPDATE OF attachment SKIP LOCKED
        )
        UPDATE ir_attachment AS attachment
           SET store_fname = locked.new, db_datas = NULL
          FROM locked
         WHERE attachment.id = locked.id
        RETURNING attachment.id
        """,
        [
            [row.id for row, _new in ordered],
            [row.store_fname for row, _new in ordered],
            [row.checksum for row, _new in ordered],
            [new for _row, new in ordered],
        ],
    )
    return {identifier for (identifier,) in cr.fetchall()}


def take_in(cr: Any, moves: Collection[tuple[Row, bytes]]) -> set[int]:
    """As :func:`switch`, for contents that go to the database."""
    taken = set()
    for row, content in sorted(moves, key=lambda move: move[0].id):
        cr.execute(
            """
            UPDATE ir_attachment SET store_fname = NULL, db_datas = %s
             WHERE id = (
                SELECT id FROM ir_attachment
                 WHERE id = %s AND store_fname IS NOT DISTINCT FROM %s
                   AND checksum IS NOT DISTINCT FROM %s
                   FOR UPDATE SKIP LOCKED
            )
            RETURNING id
            """,
            [memoryview(content), row.id, row.store_fname, row.checksum],
        )
        taken |= {identifier for (identifier,) in cr.fetchall()}
    return taken
