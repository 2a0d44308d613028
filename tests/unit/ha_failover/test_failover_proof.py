"""Which server behind a pooler will do."""

from __future__ import annotations

import pytest
from odoo.addons.ha_failover.gate.proof import Reached, objection
from odoo.addons.ha_failover.topology import Server

PROVEN = Server("pg2", "10.0.0.2", 5432, 11, "7423")


def test_a_wal_files_name_tells_the_timeline() -> None:
    assert Reached.of(("0000000B0000000000000042", "7423", 1)).timeline == 11


def test_the_proven_primary_will_do() -> None:
    assert objection(Reached(11, "7423", 1), PROVEN) is None
    assert objection(Reached(3, "1", 1), None) is None, "no sidecar: any primary"


@pytest.mark.parametrize(
    ("reached", "why"),
    [
        (Reached(None, "7423", 1), "in recovery"),
        (Reached(10, "7423", 1), "timeline 10, not 11"),
        # The sidecar of this node hasn't proven it yet.
        (Reached(12, "7423", 1), "timeline 12, not 11"),
        (Reached(11, "7424", 1), "another cluster"),
    ],
)
def test_no_other_server_will(reached: Reached, why: str) -> None:
    assert why in (objection(reached, PROVEN) or "")
