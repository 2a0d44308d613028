"""Real servers for the integration tests: started once, stopped at the end whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres
from tests.servers.redis import RedisCluster
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import suite_modules

BASE_MODULES = ("base", "web", "ha_test")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A primary. A test that kills it starts it again before it ends."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    with RedisCluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def s3() -> Iterator[SeaweedFS]:
    with SeaweedFS() as server:
        yield server


@pytest.fixture(scope="session")
def stock_template(postgres: Postgres) -> OdooServer:
    """A stopped stock Odoo whose database has base, web and the test addon."""
    server = OdooServer(postgres, "stock", options={"max_cron_threads": 0})
    server.install(*BASE_MODULES)
    return server


@pytest.fixture(scope="session")
def suite_template(postgres: Postgres) -> OdooServer:
    """The same with the whole suite installed and active."""
    server = OdooServer(postgres, "suite", variant="suite", options={"max_cron_threads": 0})
    server.install(*BASE_MODULES, *suite_modules())
    return server
