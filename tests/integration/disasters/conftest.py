"""Each disaster is shown on stock Odoo first, then not to happen with the suite."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.servers.odoo import OdooServer, Variant
from tests.servers.postgres import Postgres

_numbers = itertools.count(1)

StartOdoo = Callable[..., OdooServer]


@pytest.fixture(params=["stock", "suite"])
def variant(request: pytest.FixtureRequest) -> Variant:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def database_up(postgres: Postgres) -> Iterator[Postgres]:
    """The primary, running before the test and again after it."""
    yield postgres
    if not postgres.process.is_running():
        postgres.start()


@pytest.fixture
def start_odoo(
    variant: Variant, database_up: Postgres, request: pytest.FixtureRequest
) -> Iterator[StartOdoo]:
    """Start an Odoo of this variant on a database of its own; stopped after the test."""
    template: OdooServer = request.getfixturevalue(f"{variant}_template")
    with ExitStack() as running:

        def start(**options: Any) -> OdooServer:
            name = f"{variant}_{next(_numbers)}"
            server = OdooServer(database_up, name, variant=variant, **options)
            server.copy_database(template)
            return running.enter_context(server)

        yield start


@pytest.fixture
def token() -> str:
    """A token that no other test writes."""
    return secrets.token_hex(8)


def rows(postgres: Postgres, odoo: OdooServer, token: str) -> int:
    """Count the committed rows with that token."""
    query = "SELECT count(*) FROM ha_test_row WHERE token = %s"
    ((count,),) = postgres.execute(query, [token], dbname=odoo.dbname)
    return int(count)
