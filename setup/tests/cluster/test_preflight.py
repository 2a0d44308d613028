"""What stands in the way is told, all of it, with a remedy."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from ha_setup.cluster.layout import Host, Layout, Node
from ha_setup.cluster.preflight import Observation, observe, problems

READY = Observation(
    taken=(),
    unreachable_addresses=(),
    free_disk=50_000_000_000,
    free_memory=8_000_000_000,
    closed_directories=(),
    running_already=False,
)


def test_a_ready_machine_has_no_problems(layout: Layout) -> None:
    assert problems(layout, READY) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"taken": [("127.19.1.11", 15432, "postgres (pid 7)")]},
            r"127\.19\.1\.11:15432 .*postgres \(pid 7\).*--block",
        ),
        ({"free_disk": 1_000_000_000}, "1.0 GB free.*--state-dir"),
        ({"free_memory": 500_000_000}, "0.5 GB of memory.*--small"),
        ({"closed_directories": [Path("/root")]}, r"chmod o\+x /root"),
        (
            {"foreign_files": [Path("/tmp/left.sock")]},
            "/tmp/left.sock was left by another user.*--block",
        ),
        ({"unreachable_addresses": ["127.19.1.11"]}, "ip link set lo up"),
    ],
)
def test_each_problem_names_its_remedy(
    layout: Layout, change: dict[str, object], told: str
) -> None:
    import re

    (line,) = problems(layout, replace(READY, **change))  # type: ignore[arg-type]
    assert re.search(told, line)


def test_all_problems_are_told_at_once(layout: Layout) -> None:
    seen = replace(READY, free_disk=0, free_memory=0, taken=[("127.19.1.11", 15432, "x")])
    assert len(problems(layout, seen)) == 3


def test_a_cluster_that_runs_has_its_room_already(layout: Layout) -> None:
    assert problems(layout, replace(READY, free_disk=0, free_memory=0, running_already=True)) == []


def test_small_is_not_advised_to_who_has_it() -> None:
    layout = Layout(Path("/var/tmp/state"), small=True)
    (line,) = problems(layout, replace(READY, free_memory=0))
    assert "--small" not in line


def test_a_path_too_long_for_sockets_is_refused() -> None:
    layout = Layout(Path("/var/tmp") / ("x" * 80))
    (line,) = problems(layout, READY)
    assert "shorter --state-dir" in line


def test_a_port_in_use_is_seen_with_its_holder(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        node = Node("probe", "etcd", Host("probe", "127.0.0.1"), (port,))
        seen = observe(Layout(tmp_path), [node], running_already=False)
    ((address, taken, holder),) = seen.taken
    assert (address, taken) == ("127.0.0.1", port)
    assert "pid" in holder
