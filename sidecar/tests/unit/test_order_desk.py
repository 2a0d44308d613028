"""Orders by the socket: only what the settings allow, and what is asked for is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ha_sidecar.config import load
from ha_sidecar.order_desk import OrderDesk
from ha_sidecar.settings import Settings


def settings(tmp_path: Path, *orders: str) -> Settings:
    given = {
        "scope": "demo",
        "etcd_endpoints": "http://127.0.0.1:1",
        "topology_path": str(tmp_path / "topology.json"),
        "socket_orders": ",".join(orders),
    }
    return load(None, {}, given)


def test_nothing_is_allowed_unasked(tmp_path: Path) -> None:
    desk = OrderDesk(settings(tmp_path), [])
    status, answer = desk.orders()["/drain"]({"drain": True})
    assert (status, 'socket_orders = ["drain"]' in answer["error"]) == (403, True)
    status, answer = desk.orders()["/switchover"]({"candidate": "pg2"})
    assert (status, "socket_orders" in answer["error"]) == (403, True)
    assert not (tmp_path / "drain").exists()
    assert desk.status() == {"allowed": [], "switchover": None}


def test_drain_and_undrain(tmp_path: Path) -> None:
    desk = OrderDesk(settings(tmp_path, "drain"), [])
    assert desk.orders()["/drain"]({"drain": True})[0] == 200
    assert (tmp_path / "drain").read_text() == "drain\n"
    assert desk.orders()["/drain"]({"drain": False}) == (200, {"switch": "off"})
    assert not (tmp_path / "drain").exists()
    assert desk.orders()["/switchover"]({"candidate": "pg2"})[0] == 403


@pytest.mark.parametrize("wanted", [{}, {"drain": "yes"}, {"drain": None}])
def test_a_drain_says_which_way(tmp_path: Path, wanted: dict[str, Any]) -> None:
    assert OrderDesk(settings(tmp_path, "drain"), []).orders()["/drain"](wanted)[0] == 400


@pytest.mark.parametrize("candidate", [None, "", 7, "--force"])
def test_a_candidate_is_a_name(tmp_path: Path, candidate: object) -> None:
    desk = OrderDesk(settings(tmp_path, "switchover"), [])
    assert desk.orders()["/switchover"]({"candidate": candidate})[0] == 400
