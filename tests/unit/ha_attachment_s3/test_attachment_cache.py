"""The local copies: bounded, least recently used first, verified."""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from odoo.addons.ha_attachment_s3.cache import Cache

SIZE = 100_000


def content(number: int, size: int = 1000) -> bytes:
    return number.to_bytes(4) * (size // 4)


def name(of: bytes) -> str:
    return hashlib.sha256(of).hexdigest()


def kept(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("??/*"))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "made", SIZE)
    assert cache.find(name(b"x")) is None
    cache.keep(name(b"x"), b"x")
    assert cache.find(name(b"x")) == b"x"
    assert Cache(tmp_path / "made", SIZE).find(name(b"x")) == b"x"
    cache.remove(name(b"x"))
    assert cache.find(name(b"x")) is None


def test_it_stays_within_its_size_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = Cache(tmp_path, SIZE)
    used = content(0)
    cache.keep(name(used), used)
    for number in range(1, 300):
        one = content(number)
        cache.keep(name(one), one)
        past = time.time() - 10_000 + number
        os.utime(tmp_path / name(one)[:2] / name(one), (past, past))
        cache.find(name(used))
        assert kept(tmp_path) <= SIZE * 1.1
    assert cache.find(name(used)) == used
    assert cache.find(name(content(1))) is None
    assert kept(tmp_path) > SIZE / 2


def test_a_new_process_removes_what_is_too_much(tmp_path: Path) -> None:
    large = Cache(tmp_path, 10 * SIZE)
    for number in range(500):
        large.keep(name(content(number)), content(number))
    small = Cache(tmp_path, SIZE)
    small.keep(name(b"one more"), b"one more")
    assert kept(tmp_path) <= SIZE


@pytest.mark.parametrize("size", [0, 1000])
def test_what_is_too_large_is_not_kept(tmp_path: Path, size: int) -> None:
    cache = Cache(tmp_path, size)
    cache.keep(name(content(1)), content(1))
    assert kept(tmp_path) == 0


def test_a_damaged_copy_is_no_copy(tmp_path: Path) -> None:
    cache = Cache(tmp_path, SIZE)
    cache.keep(name(b"right"), b"right")
    (tmp_path / name(b"right")[:2] / name(b"right")).write_bytes(b"wrong")
    assert cache.find(name(b"right")) is None
    assert kept(tmp_path) == 0


def test_leftovers_of_a_crash_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path, SIZE)
    cache.keep(name(b"x"), b"x")
    leftover = tmp_path / "ab" / "tmp.part"
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"half")
    os.utime(leftover, (0, 0))
    cache._make_room()
    assert not leftover.exists()


def test_many_at_once(tmp_path: Path) -> None:
    def work(seed: int) -> None:
        cache = Cache(tmp_path, SIZE)
        for number in range(100):
            one = content((seed * 7 + number) % 150)
            cache.keep(name(one), one)
            assert cache.find(name(one)) in (one, None)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert kept(tmp_path) <= SIZE * 1.5
