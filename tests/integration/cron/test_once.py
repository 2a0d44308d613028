"""A job never runs twice at once, even when the session that locks its row is ended."""

from __future__ import annotations

import time

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import Variant

from .conftest import Database, StartNode, overlapping


def run_while_its_lock_is_lost(database: Database) -> None:
    """One run under way, its locking session ended, everybody woken; returns when it is over."""
    wait_until(database.runs, timeout=30, what="the job started")
    assert database.end_idle_lock_sessions() == 1
    deadline = time.monotonic() + 6
    while len(database.runs()) == 1 and time.monotonic() < deadline:
        database.wake()
        time.sleep(0.5)
    wait_until(lambda: database.runs()[0].ended, timeout=30, what="the job ended")


@pytest.mark.parametrize("variant", ["stock", "suite"])
def test_two_nodes(variant: Variant, database: Database, start_node: StartNode) -> None:
    """Stock lets the second node run it at the same time."""
    first = start_node("one")
    start_node("two")
    database.add_job(first, seconds=8)
    run_while_its_lock_is_lost(database)
    if variant == "stock":
        assert overlapping(database.runs())
    else:
        assert not overlapping(database.runs())


@pytest.mark.parametrize("variant", ["stock", "suite"])
@pytest.mark.parametrize("workers", [0, 1])
def test_two_cron_processes_of_a_node(
    variant: Variant, workers: int, database: Database, start_node: StartNode
) -> None:
    """They share their node's lease, so the lease alone would not do (threads: workers=0)."""
    node = start_node("one", workers=workers, max_cron_threads=2)
    database.add_job(node, seconds=8)
    run_while_its_lock_is_lost(database)
    if variant == "stock":
        assert overlapping(database.runs())
    else:
        assert not overlapping(database.runs())
