"""What a node lacks, by what is seen of it."""

from __future__ import annotations

from odoo.addons.ha_dashboard.missing import Seen, missing

ALL = ("drain", "switchover")


def names(seen: Seen) -> list[str]:
    return [str(lack["name"]) for lack in missing(seen)]


def test_nothing() -> None:
    assert missing(Seen(active=True, orders=ALL)) == []


def test_a_node_without_the_suite_lacks_that_first() -> None:
    assert names(Seen(active=False, sidecar=("sidecar", ""), redis=False, s3=False)) == [
        "server_wide"
    ]


def test_each_by_its_name() -> None:
    away = Seen(active=True, sidecar=("sidecar_rights", "why"), redis=False, s3=False)
    assert names(away) == ["sidecar_rights", "redis", "s3"]
    assert missing(away)[0]["detail"] == "why"
    assert names(Seen(active=True, orders=("drain",))) == ["orders"]
