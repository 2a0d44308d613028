"""Disaster: one database session is ended and the user sees ``InterfaceError``.

The connection dies in the middle of a request, before COMMIT was sent: nothing was written,
so the request can run again from its beginning, and its effect is there exactly once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer, Variant
from tests.servers.odoo_client import NoAnswer, OdooClient, OdooFault
from tests.servers.postgres import Postgres

from .conftest import StartOdoo, rows

LINGER_S = 3.0
LINGERING = "query LIKE '%%ha_test linger%%' AND state = 'active' AND datname = %s"


def terminate_while_lingering(postgres: Postgres, odoo: OdooServer) -> None:
    """Wait until a request lingers in its transaction and end its backend."""
    wait_until(
        lambda: postgres.terminate_backends(LINGERING, [odoo.dbname]) == 1,
        timeout=LINGER_S,
        what="a request lingers in its transaction",
    )


def interrupted(
    postgres: Postgres, odoo: OdooServer, request: Callable[[], object]
) -> Future[object]:
    """Send ``request``, end its database session in the middle, return the settled future."""
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(request)
        terminate_while_lingering(postgres, odoo)
    return answer


@pytest.fixture
def odoo(start_odoo: StartOdoo) -> OdooServer:
    return start_odoo(options={"max_cron_threads": 0})


@pytest.fixture
def client(odoo: OdooServer) -> OdooClient:
    client = odoo.client()
    client.login(odoo.dbname)
    return client


def test_a_write_happens_exactly_once(
    variant: Variant, odoo: OdooServer, client: OdooClient, postgres: Postgres, token: str
) -> None:
    answer = interrupted(
        postgres, odoo, lambda: client.call("ha.test.row", "create_slowly", token, LINGER_S)
    )
    if variant == "stock":
        fault = answer.exception()
        assert isinstance(fault, OdooFault)
        assert fault.name in ("psycopg2.InterfaceError", "psycopg2.OperationalError")
        assert rows(postgres, odoo, token) == 0
    else:
        assert client.call("ha.test.row", "search", [("token", "=", token)]) == [answer.result()]
        assert rows(postgres, odoo, token) == 1


def test_a_read_answers_right(
    variant: Variant, odoo: OdooServer, client: OdooClient, postgres: Postgres, token: str
) -> None:
    client.call("ha.test.row", "create", {"token": token})
    answer = interrupted(
        postgres, odoo, lambda: client.call("ha.test.row", "count_slowly", token, LINGER_S)
    )
    if variant == "stock":
        assert isinstance(answer.exception(), OdooFault)
    else:
        assert answer.result() == 1


def test_a_form_post_happens_exactly_once(
    variant: Variant, odoo: OdooServer, client: OdooClient, postgres: Postgres, token: str
) -> None:
    data = {"token": token, "seconds": LINGER_S}
    answer = interrupted(
        postgres,
        odoo,
        lambda: client.http.post(odoo.url + "/ha_test/write", data=data, timeout=60).status_code,
    )
    assert answer.result() == (500 if variant == "stock" else 200)
    assert rows(postgres, odoo, token) == (0 if variant == "stock" else 1)


@pytest.mark.parametrize("size", [1_000, 2_000_000], ids=["in memory", "on disk"])
def test_an_upload_is_read_again_from_its_start(
    variant: Variant,
    odoo: OdooServer,
    client: OdooClient,
    postgres: Postgres,
    token: str,
    size: int,
) -> None:
    options = {
        "data": {"token": token, "seconds": LINGER_S},
        "files": {"content": b"x" * size},
        "timeout": 60,
    }
    answer = interrupted(
        postgres, odoo, lambda: client.http.post(odoo.url + "/ha_test/upload", **options)
    )
    response = answer.result()
    if variant == "stock":
        assert response.status_code == 500
    else:
        assert (response.status_code, response.text) == (200, str(size))
        assert rows(postgres, odoo, token) == 1


def test_a_request_that_committed_in_the_middle_is_not_run_again(
    variant: Variant, odoo: OdooServer, client: OdooClient, postgres: Postgres, token: str
) -> None:
    answer = interrupted(
        postgres, odoo, lambda: client.call("ha.test.row", "create_in_two_commits", token, LINGER_S)
    )
    # Nobody can say whether to do the rest: a clear error, and no second row.
    error = answer.exception()
    assert isinstance(error, OdooFault | NoAnswer)
    if variant == "suite":
        assert "a part of it was saved" in str(error)
    assert rows(postgres, odoo, token) == 1
