"""Moves contents in batches; each is stored, verified and only then what its row says.

Whatever is killed whenever: a row says where its content was or where it is, both are there, and
what nobody refers to is on the checklist. Running it again goes on. A user who writes to an
attachment at the same time wins: its row is left alone and looked at again at the end.
"""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from odoo import SUPERUSER_ID, api
from odoo.addons.ha_base.settings import current

from .. import filestore
from ..bucket import bucket
from ..errors import ObjectDamaged, StorageUnavailable
from ..location import Location, is_remote, locate, parse
from ..ownership import belongs_to
from ..placement import Facts, storage_for
from ..settings import Settings
from . import rows
from .rows import Row, Wanted

_logger = logging.getLogger(__name__)

#: How often rows that were in use are looked at again, and the seconds before each time.
_AGAIN = 3
_PAUSE = 1.0


class Migration:
    """
    :param registry: of the database
    :param after: ids up to this one were looked at before
    """

    def __init__(self, registry: Any, wanted: Wanted, *, after: int = 0) -> None:
        self._registry = registry
        self._wanted = wanted
        self.after = after
        #: Attachments by what became of them: moved, stays, busy, problem; and bytes moved.
        self.done: Counter[str] = Counter()
        #: What is wrong with attachments that were left alone, by id.
        self.problems: dict[int, str] = {}
        self._busy: set[int] = set()
        self._told: Counter[str] = Counter()
        self._problems_told = 0

    def survey(self) -> Iterator[None]:
        """Count what would be moved to where, and change nothing; yields after each batch."""
        while found := self._look(None):
            for row, target in found:
                if target is None:
                    self.done["stays"] += 1
                else:
                    self.done[f"{_place(row)} to {target}"] += 1
                    self.done["bytes"] += row.file_size
            yield

    def run(self) -> Iterator[None]:
        """Move everything; yields after each batch, which is committed.

        :raises StorageUnavailable: when S3 does not answer; what was moved is moved
        """
        with ThreadPoolExecutor(self._wanted.parallel, thread_name_prefix="ha_migration") as pool:
            while found := self._look(None):
                self._move(pool, found)
                yield
            for _again in range(_AGAIN):
                if not self._busy:
                    break
                time.sleep(_PAUSE)
                busy, self._busy, self.after = self._busy, set(), 0
                while found := self._look(busy):
                    self._move(pool, found)
                    yield
        self.done["busy"] = len(self._busy)

    def take_counts(self) -> tuple[Counter[str], list[str]]:
        """What was done, and the problems that were met, since this was asked last."""
        counts, known = self.done - self._told, self._problems_told
        lines = [
            f"{identifier}: {text}" for identifier, text in list(self.problems.items())[known:]
        ]
        self._told, self._problems_told = Counter(self.done), len(self.problems)
        return counts, lines

    # -- decisions

    def _look(self, ids: Collection[int] | None) -> list[tuple[Row, str | None]]:
        """The next rows, each with its target; None: it is where it should be."""
        wanted = self._wanted
        with self._environment() as env:
            owner = env["ir.attachment"]._s3_owner()
            found = rows.batch(env.cr, wanted, after=self.after, ids=ids)
            rules = env["ha.attachment.rule"]._rules()
        if found:
            self.after = found[-1].id
        targets = []
        for row in found:
            target = wanted.to
            if target == "s3":
                target = storage_for(rules, _facts(row))
            there = target == _place(row)
            if target == "s3" and there:
                there = belongs_to(str(row.store_fname), owner) and (
                    parse(str(row.store_fname)).bucket == _bucket_of(row)
                )
            targets.append((row, None if there else target))
        return targets

    # -- effects

    def _move(self, pool: ThreadPoolExecutor, found: list[tuple[Row, str | None]]) -> None:
        moving = [(row, target) for row, target in found if target]
        self.done["stays"] += len(found) - len(moving)
        if not moving:
            return
        contents = self._read(pool, [row for row, _target in moving])
        for target, store in (("s3", self._to_s3), ("file", self._to_file), ("db", self._to_db)):
            pairs = [(row, contents[row.id]) for row, one in moving if one == target]
            pairs = [(row, content) for row, content in pairs if content is not None]
            if not pairs:
                continue
            moved = store(pool, pairs)
            for row, content in pairs:
                if row.id in moved:
                    self.done["moved"] += 1
                    self.done["bytes"] += len(content)
                elif row.id not in self.problems:
                    self._busy.add(row.id)

    def _read(self, pool: ThreadPoolExecutor, found: list[Row]) -> dict[int, bytes | None]:
        """The verified contents by id; None: it is left alone, for a reason that was noted."""
        with self._environment() as env:
            in_database = [row.id for row in found if not row.store_fname]
            held = rows.database_contents(env.cr, in_database) if in_database else {}
            path = env["ir.attachment"]._full_path
            paths = {row.id: path(row.store_fname) for row in found if _place(row) == "file"}

        def read(row: Row) -> bytes | None:
            content = held.get(row.id)
            if row.id in paths:
                content = filestore.read(paths[row.id], None)
                if content is None:
                    return self._problem(row, f"{row.store_fname} is not in this node's filestore")
            elif is_remote(row.store_fname):
                try:
                    content = _object(parse(str(row.store_fname)))
                except ObjectDamaged:
                    return self._problem(row, f"{row.store_fname} is missing or damaged in S3")
            if content is None:
                self._busy.add(row.id)  # it has just been changed
            elif not _is_intact(row, content):
                return self._problem(row, f"{row.store_fname or 'its content'} is damaged")
            return content

        return dict(zip([row.id for row in found], pool.map(read, found), strict=True))

    def _to_s3(self, pool: ThreadPoolExecutor, pairs: list[tuple[Row, bytes]]) -> set[int]:
        with self._environment() as env:
            prefix = env["ir.attachment"]._s3_prefix()
        located = [
            (row, content, locate(content, _bucket_of(row), prefix)) for row, content in pairs
        ]
        new = {row.id: location.store_fname for row, _content, location in located}
        self._mark(new.values())

        def put(one: tuple[Row, bytes, Any]) -> bool:
            row, content, location = one
            bucket().put(location, content, keep=False)
            if self._wanted.verify:
                try:
                    bucket().look(location)
                except ObjectDamaged:
                    self._problem(row, f"{location.store_fname} was there before, and is damaged")
                    return False
            return True

        # Equal contents are one object: once is enough.
        distinct = list({location.key: (row, c, location) for row, c, location in located}.values())
        good = {
            location.store_fname
            for (_row, _content, location), intact in zip(
                distinct, pool.map(put, distinct), strict=True
            )
            if intact
        }
        moves = [(row, new[row.id]) for row, _content in pairs if new[row.id] in good]
        return self._switch([row for row, _new in moves], lambda cr: rows.switch(cr, moves))

    def _to_file(self, pool: ThreadPoolExecutor, pairs: list[tuple[Row, bytes]]) -> set[int]:
        with self._environment() as env:
            path = env["ir.attachment"]._full_path
        new = {}
        for row, content in pairs:
            sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            new[row.id] = f"{sha1[:2]}/{sha1}"
        files = {new[row.id]: content for row, content in pairs}

        def write(name: str) -> None:
            filestore.write(path(name), files[name])
            if self._wanted.verify and filestore.read(path(name), None) != files[name]:
                raise OSError(f"{path(name)} can't be read back")

        def write_and_switch(cr: Any) -> set[int]:
            # Keeps the filestore's collector (and nobody else) away until the rows refer to the
            # files: it locks the table in SHARE mode.
            cr.execute("LOCK ir_attachment IN ROW EXCLUSIVE MODE")
            list(pool.map(write, files))
            return rows.switch(cr, [(row, new[row.id]) for row, _content in pairs])

        return self._switch([row for row, _content in pairs], write_and_switch)

    def _to_db(self, _pool: ThreadPoolExecutor, pairs: list[tuple[Row, bytes]]) -> set[int]:
        return self._switch([row for row, _content in pairs], lambda cr: rows.take_in(cr, pairs))

    def _switch(self, moving: list[Row], change: Callable[[Any], set[int]]) -> set[int]:
        """Commit the rows; where their contents were goes on the checklist just before."""
        self._mark(row.store_fname for row in moving if row.store_fname)
        with self._registry.cursor() as cr:
            cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            return change(cr)

    def _mark(self, names: Any) -> None:
        distinct = set(names)
        if distinct:
            with self._environment() as env:
                env["ha.attachment.garbage"]._mark(distinct)

    def _problem(self, row: Row, text: str) -> None:
        if row.id not in self.problems:
            _logger.error("ir.attachment %d is left alone: %s", row.id, text)
            self.done["problem"] += 1
        self.problems[row.id] = text

    def _environment(self) -> Any:
        return _Environment(self._registry)


class _Environment:
    """The superuser's environment, on a cursor of its own."""

    def __init__(self, registry: Any) -> None:
        self._cursor = registry.cursor()

    def __enter__(self) -> Any:
        return api.Environment(self._cursor.__enter__(), SUPERUSER_ID, {})

    def __exit__(self, *error: Any) -> None:
        self._cursor.__exit__(*error)


def _object(location: Location) -> bytes:
    """As :meth:`Bucket.get`, and the cache need not hold what is read once."""
    try:
        return bucket().look(location)
    except (ObjectDamaged, StorageUnavailable):
        return bucket().get(location)


def _place(row: Row) -> str:
    if not row.store_fname:
        return "db"
    return "s3" if is_remote(row.store_fname) else "file"


def _facts(row: Row) -> Facts:
    return Facts(
        url=row.url,
        model=row.res_model,
        field=row.res_field,
        mimetype=row.mimetype,
        size=row.file_size,
    )


def _bucket_of(row: Row) -> str:
    return str(current(Settings).bucket_of(row.company_id))


def _is_intact(row: Row, content: bytes) -> bool:
    """Whether it is the content that Odoo stored: its SHA-1 is in the row."""
    if not row.checksum:
        return len(content) == row.file_size
    return hashlib.sha1(content, usedforsecurity=False).hexdigest() == row.checksum
