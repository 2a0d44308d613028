"""The board that a node's processes share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from odoo.addons.ha_cron_leader.board import Board, Note


@pytest.fixture
def board() -> Iterator[Board]:
    with closing(Board()) as board:
        yield board


def test_what_one_process_puts_all_can_read(board: Board) -> None:
    note = Note(7, 100.0, 200.0, yields=True)
    child = os.fork()
    if child == 0:
        board.put("db", "main", note)
        board.put_facts(b"{}")
        board.leave()
        os._exit(0)
    os.waitpid(child, 0)
    assert board.get("db", "main", 150.0) == note
    assert board.facts() == b"{}"
    assert board.leaving


def test_nothing_is_known_of_others_nor_for_ever(board: Board) -> None:
    board.put("db", "main", Note(7, 100.0, 200.0))
    assert board.get("db", "reports", 150.0) is None
    assert board.get("other", "main", 150.0) is None
    assert board.get("db", "main", 200.0) is None
    assert board.facts() == b""
    assert not board.leaving


def test_a_note_that_is_half_written_is_none(board: Board) -> None:
    board.put("db", "main", Note(7, 100.0, 200.0))
    start = board._memory[:].index((7).to_bytes(8, "little"))
    board._memory[start] = 8
    assert board.get("db", "main", 150.0) is None


def test_facts_that_are_too_long_leave_those_before(board: Board) -> None:
    board.put_facts(b"before")
    board.put_facts(b"x" * 100_000)
    assert board.facts() == b"before"


def test_thousands_of_databases_hardly_hide_each_other(board: Board) -> None:
    names = [f"customer{number}" for number in range(500)]
    for number, name in enumerate(names):
        board.put(name, "main", Note(number + 1, 100.0, 200.0))
    found = [board.get(name, "main", 150.0) for name in names]
    assert sum(note is not None for note in found) > 450
    assert all(note.token == number + 1 for number, note in enumerate(found) if note)
