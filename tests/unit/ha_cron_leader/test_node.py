"""Which jobs run in a node: locks that its processes share and that end with them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from odoo.addons.ha_cron_leader.errors import AlreadyRunning, LeaseLost
from odoo.addons.ha_cron_leader.node import Node


@pytest.fixture
def node() -> Iterator[Node]:
    with closing(Node("odoo1")) as node:
        yield node


def test_a_job_runs_once_in_a_process(node: Node) -> None:
    with node.running("db", 5):
        assert node.is_running("db", 5)
        assert not node.idle
        with pytest.raises(AlreadyRunning), node.running("db", 5):
            pytest.fail("it ran twice")
        assert node.is_running("db", 5)
    assert not node.is_running("db", 5)
    assert node.idle


def test_other_jobs_and_databases_are_free(node: Node) -> None:
    with node.running("db", 5), node.running("db", 6), node.running("other", 5):
        assert not node.is_running("db", 7)


def test_a_job_runs_once_in_a_node_and_is_free_when_its_process_was_killed(node: Node) -> None:
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with node.running("db", 5):
            os.write(tell, b".")
            time.sleep(60)
        os._exit(1)
    try:
        os.read(ready, 1)
        assert node.is_running("db", 5)
        with pytest.raises(AlreadyRunning), node.running("db", 5):
            pytest.fail("it ran twice")
        assert not node.is_running("db", 6)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(tell)
    assert not node.is_running("db", 5)


def test_what_a_process_serves_is_known_to_the_others(node: Node) -> None:
    child = os.fork()
    if child == 0:
        node.note_database("db")
        node.wake_keeper("db")
        os._exit(0)
    os.waitpid(child, 0)
    node.note_database("other")
    node.note_database("db")
    assert node.databases() == ("db", "other")
    assert node.woken_for() == {"db", ""}
    assert node.woken_for() == set()


def in_a_child(node: Node, job: int, pool: str) -> tuple[int, int]:
    """A child that runs a job until it is killed."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with node.running("db", job, pool):
            os.write(tell, b".")
            time.sleep(60)
        os._exit(1)
    os.read(ready, 1)
    os.close(tell)
    return child, ready


def end(child: int, ready: int) -> None:
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(ready)


def test_a_pool_is_quiet_when_no_process_runs_a_job_of_it(node: Node) -> None:
    child, ready = in_a_child(node, 5, "main")
    try:
        with node.running("db", 6, "reports"):
            for pool, quiet in (("main", False), ("reports", False), ("other", True)):
                with node.quiet("db", pool) as found:
                    assert found is quiet
        with node.quiet("db", "reports") as found:
            assert found
        with node.running("db", 7, "main"):
            pass
        with node.quiet("db", "main") as found:
            assert not found, "the child's job was forgotten"
    finally:
        end(child, ready)
    with node.quiet("db", "main") as found:
        assert found


def test_no_job_starts_while_its_pool_is_handed_over(node: Node) -> None:
    go_on, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(go_on, 1)
        try:
            with node.running("db", 5, "main"):
                os._exit(1)
        except LeaseLost:
            os._exit(0)
    with node.quiet("db", "main") as quiet:
        assert quiet
        os.write(tell, b".")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with node.running("db", 5, "main"):
        pass
    os.close(go_on)
    os.close(tell)


def test_the_keeper_moves_on_when_its_process_is_killed(node: Node) -> None:
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        node.become_keeper()
        os.write(tell, b".")
        time.sleep(60)
        os._exit(1)
    os.read(ready, 1)
    became = threading.Event()

    def wait() -> None:
        node.become_keeper()
        became.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert not became.wait(0.3)
    os.close(tell)
    end(child, ready)
    assert became.wait(10)


def test_a_restarted_node_is_another_holder() -> None:
    with closing(Node("odoo1")) as before, closing(Node("odoo1")) as after:
        assert before.holder != after.holder
