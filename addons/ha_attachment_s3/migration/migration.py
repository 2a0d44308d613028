"""Moves contents in batches; each is stored, verified and only then what its row says. While one
batch's rows are switched the next one's contents are being stored, and those after it read.

Whatever is killed whenever: a row says where its content was or where it is, both are there, and
what nobody refers to is on the checklist. Running it again goes on. A user who writes to an
attachment at the same time wins: its row is left alone and looked at again at the end.
"""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from odoo import SUPERUSER_ID, api

from .. import filestore
from ..bucket import bucket
from ..errors import ObjectDamaged
from ..location import Location, is_remote, locate, parse
from ..ownership import belongs_to
from ..placement import storage_for
from . import rows
from .contents import bucket_of, content_of, facts_of, is_intact, place_of
from .rows import Row, Wanted

_logger = logging.getLogger(__name__)

#: How often rows that were in use are looked at again, and the seconds before each time.
_AGAIN = 3
_PAUSE = 1.0


@dataclass
class _Batch:
    """Rows that are on their way.

    :param last: the highest id that was looked at
    :param stays: how many are where they should be
    :param reading: the others, each with its target and its content, None where it is left alone
    """

    last: int
    stays: int
    reading: list[tuple[Row, str, "Future[bytes | None]"]]
    #: What was read, by its target.
    pairs: dict[str, list[tuple[Row, bytes]]] = field(default_factory=dict)
    #: For the bucket: the new name by id, and by name whether it is certainly stored.
    new: dict[int, str] = field(default_factory=dict)
    puts: dict[str, "Future[bool]"] = field(default_factory=dict)


class Migration:
    """
    :param registry: of the database
    :param after: ids up to this one were looked at before
    """

    def __init__(self, registry: Any, wanted: Wanted, *, after: int = 0) -> None:
        self._registry = registry
        self._wanted = wanted
        #: Ids up to this one are done with.
        self.after = after
        self._looked = after
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
                    self.done[f"{place_of(row)} to {target}"] += 1
                    self.done["bytes"] += row.file_size
            yield

    def run(self) -> Iterator[None]:
        """Move everything; yields after each batch, which is committed.

        :raises StorageUnavailable: when S3 does not answer; what was moved is moved
        """
        readers, writers = (
            ThreadPoolExecutor(self._wanted.parallel, thread_name_prefix=f"ha_migration_{name}")
            for name in ("read", "store")
        )
        try:
            yield from self._pass(readers, writers, None)
            for _again in range(_AGAIN):
                if not self._busy:
                    break
                time.sleep(_PAUSE)
                busy, self._busy, self._looked = self._busy, set(), 0
                yield from self._pass(readers, writers, busy)
        finally:
            # Whoever ends it in the middle doesn't wait for what only waits for a thread.
            for pool in (readers, writers):
                pool.shutdown(cancel_futures=True)
        self.done["busy"] = len(self._busy)

    def _pass(
        self, readers: ThreadPoolExecutor, writers: ThreadPoolExecutor, ids: Collection[int] | None
    ) -> Iterator[None]:
        """Move what is wanted of these, or of all; PostgreSQL is asked by this thread alone."""
        read: _Batch | None = None
        stored: _Batch | None = None
        while True:
            found = self._look(ids)
            reading = self._read(readers, found) if found else None
            if read:
                self._store(writers, read)
            if stored:
                self._finish(writers, stored)
                self.after = stored.last
                yield
            read, stored = reading, read
            if not read and not stored:
                return

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
            found = rows.batch(env.cr, wanted, after=self._looked, ids=ids)
            rules = env["ha.attachment.rule"]._rules()
        if found:
            self._looked = found[-1].id
        targets = []
        for row in found:
            target = wanted.to
            if target == "s3":
                target = storage_for(rules, facts_of(row))
            there = target == place_of(row)
            if target == "s3" and there:
                there = belongs_to(str(row.store_fname), owner) and (
                    parse(str(row.store_fname)).bucket == bucket_of(row)
                )
            targets.append((row, None if there else target))
        return targets

    # -- effects

    def _read(self, pool: ThreadPoolExecutor, found: list[tuple[Row, str | None]]) -> _Batch:
        """Begin to read what is to be moved."""
        moving = [(row, target) for row, target in found if target]
        with self._environment() as env:
            in_database = [row.id for row, _target in moving if not row.store_fname]
            held = rows.database_contents(env.cr, in_database) if in_database else {}
            path = env["ir.attachment"]._full_path
            paths = {
                row.id: path(row.store_fname) for row, _to in moving if place_of(row) == "file"
            }

        def read(row: Row) -> bytes | None:
            content = held.get(row.id)
            if row.id in paths:
                content = filestore.read(paths[row.id], None)
                if content is None:
                    return self._problem(row, f"{row.store_fname} is not in this node's filestore")
            elif is_remote(row.store_fname):
                try:
                    content = content_of(parse(str(row.store_fname)))
                except ObjectDamaged:
                    return self._problem(row, f"{row.store_fname} is missing or damaged in S3")
            if content is None:
                self._busy.add(row.id)  # it has just been changed
            elif not is_intact(row, content):
                return self._problem(row, f"{row.store_fname or 'its content'} is damaged")
            return content

        reading = [(row, target, pool.submit(read, row)) for row, target in moving]
        return _Batch(found[-1][0].id, len(found) - len(moving), reading)

    def _store(self, pool: ThreadPoolExecutor, batch: _Batch) -> None:
        """Take what was read, and begin to put what goes to the bucket."""
        for row, target, reading in batch.reading:
            content = reading.result()
            if content is not None:
                batch.pairs.setdefault(target, []).append((row, content))
        batch.reading = []
        if "s3" not in batch.pairs:
            return
        with self._environment() as env:
            prefix = env["ir.attachment"]._s3_prefix()
        located = [
            (row, content, locate(content, bucket_of(row), prefix))
            for row, content in batch.pairs["s3"]
        ]
        batch.new = {row.id: location.store_fname for row, _content, location in located}
        self._mark(batch.new.values())

        def put(row: Row, content: bytes, location: Location) -> bool:
            bucket().put(location, content, keep=False)
            if self._wanted.verify:
                try:
                    bucket().look(location)
                except ObjectDamaged:
                    self._problem(row, f"{location.store_fname} was there before, and is damaged")
                    return False
            return True

        # Equal contents are one object: once is enough.
        for one in {
            location.store_fname: (row, c, location) for row, c, location in located
        }.items():
            batch.puts[one[0]] = pool.submit(put, *one[1])

    def _finish(self, pool: ThreadPoolExecutor, batch: _Batch) -> None:
        """Have the rows say where their contents are, once they certainly are there."""
        self.done["stays"] += batch.stays
        for target, pairs in batch.pairs.items():
            finish = {"s3": self._to_s3, "file": self._to_file, "db": self._to_db}[target]
            moved = finish(pool, batch, pairs)
            for row, content in pairs:
                if row.id in moved:
                    self.done["moved"] += 1
                    self.done["bytes"] += len(content)
                elif row.id not in self.problems:
                    self._busy.add(row.id)
        self.done["problem"] = len(self.problems)

    def _to_s3(
        self, _pool: ThreadPoolExecutor, batch: _Batch, pairs: list[tuple[Row, bytes]]
    ) -> set[int]:
        good = {name for name, put in batch.puts.items() if put.result()}
        moves = [(row, batch.new[row.id]) for row, _content in pairs if batch.new[row.id] in good]
        return self._switch([row for row, _new in moves], lambda cr: rows.switch(cr, moves))

    def _to_file(
        self, pool: ThreadPoolExecutor, _batch: _Batch, pairs: list[tuple[Row, bytes]]
    ) -> set[int]:
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

    def _to_db(
        self, _pool: ThreadPoolExecutor, _batch: _Batch, pairs: list[tuple[Row, bytes]]
    ) -> set[int]:
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
