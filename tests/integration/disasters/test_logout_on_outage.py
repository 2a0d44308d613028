"""Disaster: the database is away for a moment and everybody is logged out.

Stock Odoo answers a request during the outage with ``session.logout()``; a route without
authentication (the web client's own reconnect probe) then replaces the session for good.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.servers.odoo import Variant
from tests.servers.odoo_client import NoAnswer, OdooClient, OdooFault
from tests.servers.postgres import Postgres

from .conftest import StartOdoo

OUTAGE_S = 3.0


def probe(client: OdooClient) -> str:
    """What the web client asks while it has lost the server."""
    return str(client.rpc("/web/webclient/version_info")["server_version"])


def read(client: OdooClient) -> int:
    return int(client.call("res.users", "search_count", [("id", "=", 2)]))


def test_sessions_outlive_an_outage(
    variant: Variant, start_odoo: StartOdoo, postgres: Postgres
) -> None:
    odoo = start_odoo()
    client = odoo.client()
    client.login(odoo.dbname)
    sid = client.session_id
    assert client.is_logged_in()

    postgres.kill()
    with ThreadPoolExecutor() as pool:
        # In the order of the web client: a call fails, then it probes the server.
        first = pool.submit(read, client)
        time.sleep(OUTAGE_S / 3)
        second = pool.submit(probe, client)
        time.sleep(OUTAGE_S * 2 / 3)
        postgres.start()

    if variant == "stock":
        assert isinstance(first.exception(), NoAnswer | OdooFault)
        assert client.session_id != sid
        assert not client.is_logged_in()
    else:
        assert first.result() == 1
        assert second.result().startswith("19.0")
        assert client.session_id == sid
        assert client.is_logged_in()


def test_a_page_asked_for_in_an_outage_is_that_page(
    variant: Variant, start_odoo: StartOdoo, postgres: Postgres
) -> None:
    odoo = start_odoo()
    client = odoo.client()
    client.login(odoo.dbname)
    sid = client.session_id

    postgres.kill()
    with ThreadPoolExecutor() as pool:
        page = pool.submit(client.get, "/odoo")
        time.sleep(OUTAGE_S)
        postgres.start()
    status = page.result().status_code

    if variant == "stock":
        assert status == 302  # to itself, with a session of nobody's
        assert client.session_id != sid
        assert not client.is_logged_in()
    else:
        assert status == 200
        assert client.session_id == sid
        assert client.is_logged_in()
