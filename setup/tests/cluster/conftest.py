"""Values that several tests of the cluster use."""

from pathlib import Path

import pytest

from ha_setup.cluster.layout import Layout
from ha_setup.cluster.plan import Plan
from ha_setup.cluster.secrets import Secrets
from ha_setup.parts import Parts


@pytest.fixture
def layout() -> Layout:
    return Layout(Path("/var/tmp/state"))


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def parts() -> Parts:
    root = Path("/parts")
    return Parts(
        odoo_python=root / "odoo-venv/bin/python",
        odoo_script=root / "odoo/usr/bin/odoo",
        pythonpath=root / "odoo/usr/lib/python3/dist-packages",
        odoo_version="19.0",
        pg_bin=Path("/usr/lib/postgresql/15/bin"),
        patroni=root / "servers-venv/bin/patroni",
        patronictl=root / "servers-venv/bin/patronictl",
        weed=root / "servers-venv/bin/weed",
        redis_server=Path("/usr/bin/redis-server"),
        redis_cli=Path("/usr/bin/redis-cli"),
        haproxy=Path("/usr/sbin/haproxy"),
        pgbouncer=Path("/usr/sbin/pgbouncer"),
        etcd=Path("/usr/bin/etcd"),
        etcdctl=Path("/usr/bin/etcdctl"),
    )


@pytest.fixture
def plan(layout: Layout, parts: Parts, secrets: Secrets) -> Plan:
    return Plan(layout, parts, secrets, tools=Path("/tools/bin"), addons=Path("/checkout/addons"))
