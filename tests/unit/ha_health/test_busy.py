"""The table of busy workers, shared by processes."""

from __future__ import annotations

import os
import sys

import pytest


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch):
    import importlib  # noqa: PLC0415

    # It asks Odoo only whether this is the gevent process.
    module = importlib.import_module("odoo.addons.ha_health.busy")
    monkeypatch.delenv("HA_HEALTH_BUSY", raising=False)
    found = module.share()
    yield module, found
    monkeypatch.delenv("HA_HEALTH_BUSY", raising=False)


def in_child(action) -> int:
    """Fork, run ``action`` there and leave the child waiting; return its pid."""
    ready_read, ready_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os.write(ready_write, b"x")
            os.read(0, 0)
            import signal  # noqa: PLC0415

            signal.pause()
        finally:
            os._exit(0)
    os.read(ready_read, 1)
    os.close(ready_read)
    os.close(ready_write)
    return pid


def test_workers_that_are_busy_are_counted_until_they_end(busy) -> None:
    _module, table = busy
    children = [in_child(table.begin) for _ in range(3)]
    idle = in_child(lambda: (table.begin(), table.end()))
    try:
        assert table.count() == 3
        os.kill(children[0], 9)
        os.waitpid(children[0], 0)
        assert table.count() == 2
        children[0] = in_child(table.begin)
        assert table.count() == 3
    finally:
        for pid in (*children, idle):
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    assert table.count() == 0


def test_another_process_finds_the_table(busy, monkeypatch: pytest.MonkeyPatch) -> None:
    module, table = busy
    monkeypatch.setattr(sys.modules["odoo"], "evented", True, raising=False)
    other = module.share()
    child = in_child(table.begin)
    try:
        assert other.count() == 1
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
