"""A balancer sends a request again because the node that worked on it died: it is done once."""

from __future__ import annotations

import itertools
import uuid
import xmlrpc.client
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import OdooClient, OdooFault
from tests.servers.postgres import Postgres

_numbers = itertools.count(1)
HEADER = "X-Request-ID"


@pytest.fixture(scope="module")
def odoo(postgres: Postgres, suite_template: OdooServer) -> Iterator[OdooServer]:
    server = OdooServer(
        postgres,
        f"resubmission_{next(_numbers)}",
        variant="suite",
        options={"max_cron_threads": 0},
        ha={"hold_timeout": 20, "request_id_header": HEADER},
    )
    server.copy_database(suite_template)
    with server:
        yield server


@pytest.fixture
def client(odoo: OdooServer) -> OdooClient:
    """A user whose requests all carry one id: each is the one before, sent again."""
    client = odoo.client()
    client.login(odoo.dbname)
    client.http.headers[HEADER] = str(uuid.uuid4())
    return client


@pytest.fixture
def copy(odoo: OdooServer, client: OdooClient) -> OdooClient:
    """What the balancer sends again: as the client sent it, over another connection."""
    copy = odoo.client()
    copy.http.headers.update(client.http.headers)
    copy.http.cookies.update(client.http.cookies)
    return copy


def rows(postgres: Postgres, odoo: OdooServer, token: str) -> int:
    ((count,),) = postgres.execute(
        "SELECT count(*) FROM ha_test_row WHERE token = %s", [token], dbname=odoo.dbname
    )
    return int(count)


def test_the_second_one_gets_the_answer_of_the_first(
    postgres: Postgres, odoo: OdooServer, client: OdooClient
) -> None:
    first = client.call("ha.test.row", "create", {"token": "again"})
    assert client.call("ha.test.row", "create", {"token": "again"}) == first
    assert rows(postgres, odoo, "again") == 1


def test_other_ids_are_other_requests(
    postgres: Postgres, odoo: OdooServer, client: OdooClient
) -> None:
    first = client.call("ha.test.row", "create", {"token": "other"})
    client.http.headers[HEADER] = str(uuid.uuid4())
    assert client.call("ha.test.row", "create", {"token": "other"}) != first
    assert rows(postgres, odoo, "other") == 2


def test_nobody_else_is_given_the_answer(
    postgres: Postgres, odoo: OdooServer, client: OdooClient
) -> None:
    client.call("ha.test.row", "create", {"token": "mine"})
    stranger = odoo.client()
    stranger.login(odoo.dbname)
    stranger.http.headers[HEADER] = client.http.headers[HEADER]
    stranger.call("ha.test.row", "create", {"token": "mine"})
    assert rows(postgres, odoo, "mine") == 2


def test_both_at_once_are_done_once(
    postgres: Postgres, odoo: OdooServer, client: OdooClient, copy: OdooClient
) -> None:
    with ThreadPoolExecutor() as pool:
        answers = [
            pool.submit(one.call, "ha.test.row", "create_slowly", "both", 0.5)
            for one in (client, copy)
        ]
        assert answers[0].result() == answers[1].result()
    assert rows(postgres, odoo, "both") == 1


def test_what_fails_only_because_it_is_done_already_is_answered_as_done(
    postgres: Postgres, odoo: OdooServer, client: OdooClient
) -> None:
    row = client.call("ha.test.row", "create", {"token": "unlinked"})
    client.http.headers[HEADER] = str(uuid.uuid4())
    arguments = ("ha.test.row", "write_then_unlink", [row])
    assert client.call(*arguments) is True
    assert client.call(*arguments) is True  # by itself: the record does not exist
    assert rows(postgres, odoo, "unlinked") == 0


def test_an_error_stays_an_error(client: OdooClient) -> None:
    for _time in range(2):
        with pytest.raises(OdooFault, match="ValidationError"):
            client.call("ha.test.row", "create", {"token": False})


def test_who_was_told_an_error_will_not_find_it_saved(
    postgres: Postgres, odoo: OdooServer, client: OdooClient
) -> None:
    with pytest.raises(OdooFault, match="ValidationError"):
        client.call("ha.test.row", "create", {"token": False})
    # The one that came first, on a node that was only slow.
    with pytest.raises(OdooFault, match="Nothing was saved"):
        client.call("ha.test.row", "create", {"token": "too late"})
    assert rows(postgres, odoo, "too late") == 0


def test_what_was_partly_saved_is_not_done_again(
    postgres: Postgres, odoo: OdooServer, client: OdooClient
) -> None:
    assert client.call("ha.test.row", "create_in_two_commits", "two", 0)
    with pytest.raises(OdooFault, match="after it had saved it, at least in part"):
        client.call("ha.test.row", "create_in_two_commits", "two", 0)
    assert rows(postgres, odoo, "two") == 1


def test_over_xml_rpc(postgres: Postgres, odoo: OdooServer) -> None:
    def call() -> object:
        path = f"http://{odoo.address}:{odoo.port}/xmlrpc/2/object"
        with xmlrpc.client.ServerProxy(path, headers=[(HEADER, "one id")]) as server:
            row = {"token": "xml"}
            return server.execute_kw(odoo.dbname, 2, "admin", "ha.test.row", "create", [[row]])

    assert call() == call()
    assert rows(postgres, odoo, "xml") == 1


def test_a_plain_http_route(postgres: Postgres, odoo: OdooServer, client: OdooClient) -> None:
    def send() -> tuple[int, str, str]:
        answer = client.http.post(
            client.base_url + "/ha_test/write", data={"token": "plain"}, timeout=30
        )
        return answer.status_code, answer.text, answer.headers["Content-Type"]

    assert send() == send()
    assert rows(postgres, odoo, "plain") == 1


def test_a_commit_under_way_is_waited_for(
    postgres: Postgres, odoo: OdooServer, client: OdooClient, copy: OdooClient
) -> None:
    """The first node died, its COMMIT waits for a standby: the second request waits for it too."""

    def standby(names: str) -> None:
        postgres.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        postgres.execute("SELECT pg_reload_conf()")

    def waiting(event: str) -> Callable[[], bool]:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event = %s"
        return lambda: postgres.execute(query, [odoo.dbname, event]) != [(0,)]

    standby("nobody")
    try:
        with ThreadPoolExecutor() as pool:
            first = pool.submit(client.call, "ha.test.row", "create", {"token": "under way"})
            wait_until(waiting("SyncRep"), timeout=10, what="COMMIT waits for its standby")
            second = pool.submit(copy.call, "ha.test.row", "create", {"token": "under way"})
            wait_until(waiting("transactionid"), timeout=10, what="the copy waits for the first")
            standby("")
            assert first.result() == second.result()
    finally:
        standby("")
    assert rows(postgres, odoo, "under way") == 1
