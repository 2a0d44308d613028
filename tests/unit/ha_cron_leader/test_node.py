"""Which jobs run in a node: locks that its processes share and that end with them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from odoo.addons.ha_cron_leader.errors import AlreadyRunning
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


def test_what_a_process_led_is_known_to_the_others(node: Node) -> None:
    child = os.fork()
    if child == 0:
        node.note_led("db")
        os._exit(0)
    os.waitpid(child, 0)
    node.note_led("other")
    node.note_led("db")
    assert node.led() == ("db", "other")


def test_a_restarted_node_is_another_holder() -> None:
    with closing(Node("odoo1")) as before, closing(Node("odoo1")) as after:
        assert before.holder != after.holder
