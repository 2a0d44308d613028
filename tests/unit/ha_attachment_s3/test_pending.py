"""What waits for the commit, and what sets out before it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from odoo.addons.ha_attachment_s3 import pending
from odoo.addons.ha_attachment_s3.location import Location, locate
from odoo.addons.ha_attachment_s3.pending import EARLY, Pending


class Cursor:
    """What of a cursor it uses; ``flush`` is what a commit begins with."""

    def __init__(self) -> None:
        self.cache: dict[str, Any] = {}
        self.precommit = self
        self.data: dict[str, Any] = {}
        self._hooks: list[Callable[[], None]] = []

    def add(self, hook: Callable[[], None]) -> None:
        self._hooks.append(hook)

    def flush(self) -> None:
        while self._hooks:
            self._hooks.pop(0)()


class Storage:
    """Notes what is marked and put, and fails when told to."""

    def __init__(self) -> None:
        self.marked: list[str] = []
        self.put: list[str] = []
        self.fails = False
        self.cr = Cursor()
        self.under_way: list[Future[None]] = []

    def mark(self, names: list[str]) -> None:
        self.marked += names

    def put_all(self, contents: list[tuple[Location, bytes]]) -> None:
        if self.fails:
            raise OSError
        for location, _content in contents:
            assert location.store_fname in self.marked
            self.put.append(location.store_fname)

    def begin(self, location: Location, _content: bytes) -> Future[None]:
        assert location.store_fname in self.marked
        self.put.append(location.store_fname)
        self.under_way.append(Future())
        return self.under_way[-1]

    def write(self, content: bytes) -> str:
        location = locate(content, "bucket", "prefix")
        waiting = Pending(self.cr)
        waiting.add(location, content, lambda one: one.store(self.mark, self.put_all))
        waiting.set_out(location, self.mark, self.begin)
        return location.store_fname


@pytest.fixture
def storage() -> Storage:
    return Storage()


def test_what_is_small_waits_for_the_commit(storage: Storage) -> None:
    names = [storage.write(b"one"), storage.write(b"two" * 1000)]
    assert not storage.marked
    storage.cr.flush()
    assert storage.put == names
    assert all(Pending(storage.cr).is_stored(name) for name in names)


def test_what_is_large_sets_out_marked_and_is_put_once(storage: Storage) -> None:
    large = storage.write(b"1" * EARLY)
    assert storage.put == [large]
    small = storage.write(b"small")
    assert not Pending(storage.cr).is_stored(large)
    storage.under_way[0].set_result(None)
    storage.cr.flush()
    assert storage.put == [large, small]
    assert storage.marked == [large, small]
    assert Pending(storage.cr).is_stored(large)


def test_few_are_on_their_way_at_a_time(storage: Storage) -> None:
    names = [storage.write(bytes([number]) * EARLY) for number in range(10)]
    assert storage.put == names[: pending._MOST_EARLY]
    storage.under_way[1].set_result(None)
    another = storage.write(b"x" * EARLY)
    assert storage.put[-1] == another
    for early in storage.under_way:
        if not early.done():
            early.set_result(None)
    storage.cr.flush()
    assert sorted(storage.put) == sorted([*names, another])


@pytest.mark.parametrize("late_fails", [False, True])
def test_nothing_commits_before_what_set_out_and_failed_is_stored(
    storage: Storage, late_fails: bool
) -> None:
    large, small = storage.write(b"1" * EARLY), storage.write(b"small")
    storage.under_way[0].set_exception(OSError())
    storage.fails = late_fails
    for _commit in range(1 + late_fails):
        with pytest.raises(OSError):  # noqa: PT011 — the storage's own
            storage.cr.flush()
        assert not Pending(storage.cr).is_stored(large)
        assert not Pending(storage.cr).is_stored(small)
    storage.fails = False
    storage.cr.flush()
    assert storage.put[-2:] == [large, small]
    assert Pending(storage.cr).is_stored(large)


def test_more_than_may_wait_is_stored_at_once(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "MOST", 1000)
    name = storage.write(b"1" * EARLY)
    assert storage.put == [name]
    assert not storage.under_way
    assert Pending(storage.cr).is_stored(name)
