"""While S3 is slow, some of a node's processes may wait for it, and the others are refused at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from odoo.addons.ha_attachment_s3.turns import REMEMBERED, NoTurn, Turns

SLOW = 0.001


def processes(directory: Path, count: int, number: int = 2, slow: float = SLOW) -> list[Turns]:
    """Each stands for a process; locks of one process's files exclude each other, too."""
    return [Turns(directory, number, slow) for _ in range(count)]


def in_the_end(turns: Turns) -> None:
    """Who was refused is refused for a moment more."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with turns.turn():
                return
        except NoTurn:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def was_slow(turns: Turns) -> None:
    with turns.turn():
        time.sleep(2 * SLOW)


def test_nobody_is_limited_while_s3_is_fast(tmp_path: Path) -> None:
    first, second, third = processes(tmp_path, 3, slow=60)
    with first.turn(), second.turn(), third.turn():
        pass


def test_one_slow_operation_limits_all_processes(tmp_path: Path) -> None:
    first, second, third = processes(tmp_path, 3)
    was_slow(first)
    with first.turn(), second.turn(), pytest.raises(NoTurn), third.turn():
        pass
    in_the_end(third)


def test_the_threads_of_a_process_share_its_turn(tmp_path: Path) -> None:
    first, second = processes(tmp_path, 2, number=1)
    was_slow(first)
    with first.turn(), first.turn(), pytest.raises(NoTurn), second.turn():
        pass
    in_the_end(second)


def test_an_error_gives_the_turn_back(tmp_path: Path) -> None:
    first, second = processes(tmp_path, 2, number=1)
    was_slow(first)
    with pytest.raises(TimeoutError), first.turn():
        raise TimeoutError
    with second.turn():
        pass


def test_a_quick_answer_ends_the_limit_at_once_and_a_quick_error_does_not(tmp_path: Path) -> None:
    first, second = processes(tmp_path, 2, number=1, slow=60)
    slow = tmp_path / "slow"
    slow.touch()
    with pytest.raises(TimeoutError), first.turn():
        raise TimeoutError
    assert slow.exists()
    with first.turn():
        pass
    assert not slow.exists()
    with first.turn(), second.turn():
        pass


def test_s3_is_fast_again_some_time_after(tmp_path: Path) -> None:
    first, second = processes(tmp_path, 2, number=1)
    was_slow(first)
    before = time.time() - REMEMBERED - 1
    with first.turn():
        os.utime(tmp_path / "slow", (before, before))
        with second.turn():
            pass


def test_without_a_number_or_a_directory_nobody_is_limited(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory, number in ((tmp_path, 0), (tmp_path / "file" / "below", 1)):
        first, second = processes(directory, 2, number=number)
        was_slow(first)
        with first.turn(), second.turn():
            pass
