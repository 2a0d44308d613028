"""The rights in etcd that the README asks for are enough, and the sidecars' are not."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from ha_sidecar.errors import ConfigError
from ha_sidecar.etcd import Access, Endpoint
from ha_sidecar.patroni_keys import HOLD, view_from_keys
from ha_sidecar.switchover.hold import Hold
from ha_sidecar.switchover.outcome import Stopped
from sidecar.tests.integration.cluster import PREFIX
from tests.servers.etcd import Etcd

READ, READ_WRITE = "READ", "READWRITE"


def encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


@pytest.fixture(scope="module")
def etcd() -> Iterator[Etcd]:
    """An etcd with users: root, sidecar (reads the prefix), operator (writes the hold, too)."""
    end = PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1)
    whole = {"key": encoded(PREFIX), "range_end": encoded(end)}
    rights = {
        "root": [],
        "sidecar": [{"permType": READ, **whole}],
        "operator": [
            {"permType": READ, **whole},
            {"permType": READ_WRITE, "key": encoded(PREFIX + HOLD)},
        ],
    }
    with Etcd() as etcd:
        etcd.put(PREFIX + "leader", "pg1")
        for name, permissions in rights.items():
            etcd.call("/v3/auth/user/add", {"name": name, "password": f"{name}'s"})
            etcd.call("/v3/auth/role/add", {"name": name})
            for permission in permissions:
                etcd.call("/v3/auth/role/grant", {"name": name, "perm": permission})
            etcd.call("/v3/auth/user/grant", {"user": name, "role": name})
        etcd.call("/v3/auth/enable", {})
        yield etcd


def access(user: str) -> Access:
    return Access(timeout=2.0, username=user, password=lambda: f"{user}'s")


def test_operator_holds_and_sidecar_sees_it(etcd: Etcd) -> None:
    sidecar = Endpoint(etcd.url, access("sidecar"))
    hold = Hold([etcd.url], access("operator"), PREFIX)
    hold.take("pg1", "pg2")
    try:
        seen = view_from_keys(sidecar.read(PREFIX).values).hold
        assert seen is not None
        assert (seen.leader, seen.candidate) == ("pg1", "pg2")
        assert "@" in seen.by
    finally:
        assert hold.release()
    assert HOLD not in sidecar.read(PREFIX).values
    sidecar.close()


def test_sidecar_can_not_hold(etcd: Etcd) -> None:
    hold = Hold([etcd.url], access("sidecar"), PREFIX)
    with pytest.raises(ConfigError, match=f"etcd_username.*{PREFIX}{HOLD}"):
        hold.take("pg1", "pg2")
    hold.release()


def test_nothing_is_held_for_who_no_longer_leads(etcd: Etcd) -> None:
    hold = Hold([etcd.url], access("operator"), PREFIX)
    with pytest.raises(Stopped, match="leader changed"):
        hold.take("pg2", "pg1")
    hold.release()
