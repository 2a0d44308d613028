"""The demonstration's plan, to compare with."""

from pathlib import Path

import pytest

from ha_setup.cluster.layout import Layout
from ha_setup.cluster.plan import Plan
from ha_setup.cluster.secrets import Secrets
from ha_setup.parts import Parts


@pytest.fixture
def plan() -> Plan:
    names = [
        "odoo_python",
        "odoo_script",
        "pythonpath",
        "pg_bin",
        "patroni",
        "patronictl",
        "weed",
        "redis_server",
        "redis_cli",
        "haproxy",
        "pgbouncer",
        "etcd",
        "etcdctl",
    ]
    parts = Parts(odoo_version="19.0", **{name: Path("/parts") / name for name in names})
    return Plan(Layout(Path("/state")), parts, Secrets(), tools=Path("/tools/bin"))
