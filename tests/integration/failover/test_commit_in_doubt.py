"""The connection dies during COMMIT: the user is told what is true, never a guess.

A synchronous standby that doesn't exist holds the COMMIT open: it is done on the server's disk,
and the client was not answered.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.odoo_client import NoAnswer, OdooFault
from tests.servers.postgres import Postgres

_numbers = itertools.count(1)
HANGING = "wait_event = 'SyncRep' AND query = 'COMMIT' AND datname = %s"


@pytest.fixture
def synchronous(postgres: Postgres) -> Iterator[Callable[[bool], None]]:
    """Switch the wait for a standby that never comes on and off."""

    def switch(on: bool) -> None:
        names = "'nobody'" if on else "''"
        postgres.execute(f"ALTER SYSTEM SET synchronous_standby_names = {names}")
        postgres.execute("SELECT pg_reload_conf()")
        wait_until(
            lambda: postgres.execute("SHOW synchronous_standby_names")[0][0] == names.strip("'"),
            timeout=5,
            what="synchronous_standby_names is reloaded",
        )

    yield switch
    if not postgres.process.is_running():
        postgres.start()
    switch(False)


@pytest.fixture
def odoo(
    postgres: Postgres, suite_template: OdooServer, request: pytest.FixtureRequest
) -> Iterator[OdooServer]:
    server = OdooServer(
        postgres,
        f"in_doubt_{next(_numbers)}",
        variant="suite",
        options={"max_cron_threads": 0},
        ha=getattr(request, "param", {"hold_timeout": 20}),
    )
    server.copy_database(suite_template)
    with server:
        yield server


def committed(postgres: Postgres, odoo: OdooServer) -> int:
    return int(
        postgres.execute("SELECT count(*) FROM ha_test_row WHERE token = 't'", dbname=odoo.dbname)[
            0
        ][0]
    )


def unanswered_commit(
    postgres: Postgres,
    odoo: OdooServer,
    synchronous: Callable[[bool], None],
    method: str,
    *more: object,
) -> Future[object]:
    """Call ``method`` for the token t; its COMMIT happens, and its connection dies unanswered."""
    client = odoo.client()
    client.login(odoo.dbname)
    argument = {"token": "t"} if method == "create" else "t"
    synchronous(True)
    with ThreadPoolExecutor() as pool:
        answer: Future[object] = pool.submit(client.call, "ha.test.row", method, argument, *more)
        wait_until(
            lambda: postgres.terminate_backends(HANGING, [odoo.dbname]) == 1,
            timeout=10,
            what="COMMIT waits for its standby",
        )
        synchronous(False)
    return answer


def test_a_commit_that_happened_is_answered_as_success(
    postgres: Postgres, odoo: OdooServer, synchronous: Callable[[bool], None]
) -> None:
    assert unanswered_commit(postgres, odoo, synchronous, "create").result()
    assert committed(postgres, odoo) == 1
    assert "resolved: committed" in odoo.log_text()


@pytest.mark.parametrize("odoo", [{"hold_timeout": 2}], indirect=True)
def test_work_that_took_longer_than_a_hold_has_all_of_its_hold_left(
    postgres: Postgres, odoo: OdooServer, synchronous: Callable[[bool], None]
) -> None:
    assert unanswered_commit(postgres, odoo, synchronous, "create_slowly", 3).result()
    assert committed(postgres, odoo) == 1


def test_post_commit_hooks_of_a_resolved_commit_run_once(
    postgres: Postgres, odoo: OdooServer, synchronous: Callable[[bool], None]
) -> None:
    assert unanswered_commit(postgres, odoo, synchronous, "create_with_hook").result()
    assert odoo.log_text().count("post-commit hook of t") == 1


@pytest.mark.parametrize("odoo", [{"hold_timeout": 20, "commit_markers": "false"}], indirect=True)
def test_without_a_marker_nothing_is_guessed(
    postgres: Postgres, odoo: OdooServer, synchronous: Callable[[bool], None]
) -> None:
    error = unanswered_commit(postgres, odoo, synchronous, "create").exception()
    assert isinstance(error, OdooFault | NoAnswer)
    assert "could not be found out" in str(error)
    assert committed(postgres, odoo) == 1
