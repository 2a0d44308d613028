"""Two nodes with nothing in common but PostgreSQL, Redis and S3: no shared directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient
from tests.servers.postgres import Postgres
from tests.servers.redis import RedisCluster
from tests.servers.s3 import SeaweedFS
from tests.servers.suite import ha_settings, secret_environment

DATABASE = "shared_state"


@pytest.fixture(scope="package")
def nodes(
    postgres: Postgres, redis_cluster: RedisCluster, s3: SeaweedFS, suite_template: OdooServer
) -> Iterator[tuple[OdooServer, OdooServer]]:
    """The first is prefork, as in production: its clients are made after the fork."""
    ha = ha_settings(redis_cluster, s3) | {
        "redis_retry_budget": "8s",
        "redis_timeout": "1s",
        "s3_timeout": "1s",
        "s3_attempts": 1,
        "health_trusted_networks": "127.0.0.0/8",
    }
    environment = secret_environment(redis_cluster.base, redis_cluster, s3)
    first, second = (
        OdooServer(
            postgres,
            DATABASE,
            variant="suite",
            workers=workers,
            ha=ha | {"node_id": name},
            environment=environment,
            options={"max_cron_threads": 0},
        )
        for name, workers in (("odoo1", 2), ("odoo2", 0))
    )
    first.copy_database(suite_template)
    with first, second:
        yield first, second


@pytest.fixture
def first(nodes: tuple[OdooServer, OdooServer]) -> OdooClient:
    """A user who is logged in through the first node."""
    client = nodes[0].client()
    client.login(DATABASE)
    return client


@pytest.fixture
def second(nodes: tuple[OdooServer, OdooServer], first: OdooClient) -> OdooClient:
    """The same browser, which the balancer sends to the second node."""
    client = nodes[1].client()
    client.http.cookies.set("session_id", str(first.session_id))
    return client
