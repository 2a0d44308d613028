"""Finds what is missing, damaged or left over in S3, and repairs what it can.

Nothing is deleted: what is left over goes on the checklist and waits for its grace period there.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from odoo import SUPERUSER_ID, api
from odoo.addons.ha_base.settings import current

from .. import filestore
from ..borrowing import objects
from ..bucket import bucket
from ..errors import ObjectDamaged, StorageUnavailable
from ..location import Location, is_remote, parse
from ..ownership import BORROWERS, belongs_to, place_of
from ..settings import Settings
from .comparison import Listed, Wanted, compare

_logger = logging.getLogger(__name__)

_TOGETHER = 500


class Audit:
    """
    :param env: the superuser's; its transaction is the audit's, and nothing is written in it
    :param repair: store again what can be had elsewhere, put what is left over on the checklist
    :param verify: read each object, instead of trusting its size
    """

    def __init__(self, env: Any, *, repair: bool, verify: bool, parallel: int) -> None:
        self._env = env
        self._repair = repair
        self._verify = verify
        self._parallel = parallel
        #: How many objects were looked at, and how many were found what.
        self.done: Counter[str] = Counter()
        #: The names of what is wrong, by what it is: ``missing``, ``damaged``, ``orphan``,
        #: ``absent`` (a file that isn't in this node's filestore).
        self.found: dict[str, list[str]] = {
            "missing": [],
            "damaged": [],
            "orphan": [],
            "absent": [],
        }
        self.repaired: list[str] = []

    @property
    def left(self) -> int:
        """How much is wrong still."""
        return sum(map(len, self.found.values())) - len(self.repaired)

    def run(self) -> Iterator[None]:
        """Look at everything; yields now and then.

        :raises StorageUnavailable: when S3 does not answer: then nothing is known
        """
        for bucket_name, prefix in sorted(self._places()):
            yield from self._below(bucket_name, prefix)
        if self._verify:
            yield from self._read_all()
        yield from self._files()

    def _places(self) -> set[tuple[str, str]]:
        """Where objects lie that are this database's, or that it uses."""
        attachments = self._env["ir.attachment"]
        places = {(name, attachments._s3_prefix()) for name in current(Settings).buckets}
        self._env.cr.execute(
            "SELECT DISTINCT regexp_replace(store_fname, '/[^/]+/[^/]+$', '')"
            " FROM ir_attachment WHERE store_fname LIKE 's3://%%'"
        )
        for (name,) in self._env.cr.fetchall():
            place = place_of(f"{name}/x")
            if place:
                places.add(place)
        return places

    def _below(self, bucket_name: str, prefix: str) -> Iterator[None]:
        base = f"s3://{bucket_name}/"
        ours = belongs_to(f"{base}{prefix}/x", self._env["ir.attachment"]._s3_owner())
        rows = self._rows(base, prefix)
        before = time.time() - current(Settings).s3_garbage_grace
        orphans: list[str] = []
        for finding in compare(rows, self._objects(bucket_name, prefix), before=before):
            yield
            name = base + finding.key
            if finding.kind != "orphan":
                self._wrong(finding.kind, name)
            elif ours:
                orphans.append(name)
        yield from self._orphans(orphans)

    def _rows(self, base: str, prefix: str) -> Iterator[Wanted]:
        # The rows are asked for before S3 is: an object is stored before its row.
        self._env.cr.execute(
            'SELECT store_fname COLLATE "C", max(coalesce(file_size, 0)) FROM ir_attachment'
            " WHERE starts_with(store_fname, %s) GROUP BY 1 ORDER BY 1",
            [f"{base}{prefix}/"],
        )
        return iter([Wanted(name[len(base) :], size) for name, size in self._env.cr.fetchall()])

    def _objects(self, bucket_name: str, prefix: str) -> Iterator[Listed]:
        for entry in objects(bucket_name, f"{prefix}/"):
            key = entry["Key"]
            if not key.startswith(f"{prefix}/{BORROWERS}/"):
                self.done["objects"] += 1
                yield Listed(key, entry["Size"], entry["LastModified"].timestamp())

    def _orphans(self, names: list[str]) -> Iterator[None]:
        """Those that nothing else knows either: not the checklist, and no other addon."""
        garbage = self._env["ha.attachment.garbage"]
        waiting = iter(names)
        while some := list(islice(waiting, _TOGETHER)):
            self._env.cr.execute(
                "SELECT store_fname FROM ha_attachment_garbage WHERE store_fname = ANY(%s)", [some]
            )
            listed = {name for (name,) in self._env.cr.fetchall()}
            self.done["on the checklist"] += len(listed)
            left = [
                name
                for name in some
                if name not in listed and not garbage._is_referred_to(self._env.cr, name)
            ]
            self.found["orphan"] += left
            if self._repair and left:
                garbage._mark(left)
                self.repaired += left
            yield

    def _read_all(self) -> Iterator[None]:
        self._env.cr.execute(
            "SELECT DISTINCT store_fname FROM ir_attachment WHERE store_fname LIKE 's3://%%'"
        )
        known = {*self.found["missing"], *self.found["damaged"]}
        names = [name for (name,) in self._env.cr.fetchall() if name not in known]
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="ha_audit") as pool:
            for start in range(0, len(names), _TOGETHER):
                some = names[start : start + _TOGETHER]
                for name, intact in zip(some, pool.map(_is_intact, some), strict=True):
                    self.done["read"] += 1
                    if not intact:
                        self._wrong("damaged", name)
                yield

    def _files(self) -> Iterator[None]:
        self._env.cr.execute(
            "SELECT DISTINCT store_fname FROM ir_attachment"
            " WHERE store_fname IS NOT NULL AND store_fname NOT LIKE 's3://%%'"
        )
        attachments = self._env["ir.attachment"]
        for (name,) in self._env.cr.fetchall():
            self.done["files"] += 1
            if not os.path.isfile(attachments._full_path(name)):
                self.found["absent"].append(name)
            yield

    # -- repairing

    def _wrong(self, kind: str, name: str) -> None:
        # The row may be gone since, or never have referred to anything that this can repair.
        self.found[kind].append(name)
        content = self._elsewhere(parse(name)) if self._repair else None
        if content is not None:
            bucket().restore(parse(name), content)
            self.repaired.append(name)
            _logger.warning("%s was %s and is stored again", name, kind)

    def _elsewhere(self, location: Location) -> bytes | None:
        """The content, from wherever it can still be had, verified."""
        try:
            return bucket().get(location)  # this node's cache, or the replica
        except ObjectDamaged:
            _logger.info("%s is neither in the cache nor in a replica", location.store_fname)
        attachments = self._env["ir.attachment"]
        self._env.cr.execute(
            """
            SELECT DISTINCT other.checksum, other.store_fname, other.db_datas
              FROM ir_attachment AS damaged
              JOIN ir_attachment AS other ON other.checksum = damaged.checksum
             WHERE damaged.store_fname = %s
            """,
            [location.store_fname],
        )
        for checksum, name, held in self._env.cr.fetchall():
            old_file = attachments._full_path(f"{checksum[:2]}/{checksum}")
            candidates = [held and bytes(held), filestore.read(old_file, checksum)]
            if is_remote(name) and name != location.store_fname:
                try:
                    candidates.append(bucket().get(parse(name)))
                except (ObjectDamaged, StorageUnavailable):
                    _logger.info("%s is no help", name)
            for content in candidates:
                if content and location.holds(content):
                    return content
        return None


def audit(
    registry: Any, *, repair: bool = False, verify: bool = False, parallel: int = 8
) -> Iterator[Audit]:
    """Run one on a cursor of its own; yields it now and then, and at the end."""
    with registry.cursor() as cr:
        one = Audit(
            api.Environment(cr, SUPERUSER_ID, {}), repair=repair, verify=verify, parallel=parallel
        )
        for _step in one.run():
            yield one
        yield one


def _is_intact(name: str) -> bool:
    try:
        bucket().look(parse(name))
    except ObjectDamaged:
        return False
    return True
