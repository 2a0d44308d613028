"""What the new primary does not have: COMMITs that it never received, transaction ids given twice.

In each case PostgreSQL itself would lie to whoever asked it the obvious way.
"""

from __future__ import annotations

import time
import uuid
import xmlrpc.client
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.servers.addresses import wait_until
from tests.servers.odoo import OdooServer
from tests.servers.postgres import Postgres
from tests.servers.postgres_proxy import Manner, Point

from .conftest import Publisher
from .laboratory import HOLD_S, WAITS, Laboratory

HEADER = "X-Request-ID"


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with ExitStack() as stack:
        path = tmp_path_factory.mktemp("topology") / "topology.json"
        yield Laboratory(stack, stack.enter_context(Publisher(path)), request_id_header=HEADER)


@pytest.fixture(autouse=True)
def pair_is_whole(laboratory: Laboratory) -> Iterator[None]:
    if laboratory.pair.replica is None:
        laboratory.pair.follow()
    laboratory.pair.synchronous(True)
    yield
    laboratory.proxy.heal()


def status(server: Postgres, xid: str) -> str:
    """What PostgreSQL says of a transaction id, after it gave that id to somebody else."""
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            while True:
                cursor.execute("SELECT pg_current_xact_id() > %s::xid8", [xid])
                if cursor.fetchone() == (True,):
                    break
            cursor.execute("SELECT pg_xact_status(%s::xid8)", [xid])
            return str(cursor.fetchall()[0][0])
    finally:
        connection.close()


def assert_saved_once(laboratory: Laboratory, token: str, answer: Future[object]) -> None:
    assert answer.result(HOLD_S + 30)
    assert laboratory.rows()[token] == 1
    assert laboratory.hooks()[token] == 1


def test_an_id_that_the_new_primary_gave_again_is_no_proof(laboratory: Laboratory) -> None:
    pair, token = laboratory.pair, uuid.uuid4().hex
    pair.synchronous(False)
    pair.lag()
    cut = laboratory.proxy.arm(token, Point.FLUSHED, Manner.SILENCE)
    answer = laboratory.create(token)
    assert cut.done.wait(15)
    query = "SELECT xmin::text FROM ha_test_row WHERE token = %s"
    ((xid,),) = pair.primary.execute(query, [token], dbname=laboratory.odoo.dbname)
    laboratory.publisher.lost()
    pair.fail_over()
    assert status(pair.primary, xid) == "committed"
    assert laboratory.rows()[token] == 0
    laboratory.new_epoch()
    assert_saved_once(laboratory, token, answer)
    assert "resolved: not committed" in laboratory.odoo.log_text()


def test_an_id_that_was_given_again_after_a_crash_on_the_same_timeline_is_no_proof(
    laboratory: Laboratory,
) -> None:
    pair, token = laboratory.pair, uuid.uuid4().hex
    pair.synchronous(False)
    # What was written reaches the disk with the next COMMIT, and there is none.
    pair.primary.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
    pair.primary.execute("SELECT pg_reload_conf()")
    cut = laboratory.proxy.arm(token, Point.BEFORE, Manner.SILENCE)
    answer = laboratory.create(token)
    assert cut.done.wait(15)
    laboratory.publisher.lost()
    query = "SELECT backend_xid::text FROM pg_stat_activity WHERE query LIKE '%%ha_commit_marker%%' AND datname = %s"
    ((xid,),) = pair.primary.execute(query, [laboratory.odoo.dbname])
    pair.primary.kill()
    pair.primary.start()
    assert status(pair.primary, xid) == "committed"
    assert laboratory.rows()[token] == 0
    laboratory.new_epoch()
    assert_saved_once(laboratory, token, answer)


def test_a_cancelled_wait_for_the_standby_is_no_success_yet(laboratory: Laboratory) -> None:
    pair, token = laboratory.pair, uuid.uuid4().hex
    pair.lag()
    answer = laboratory.create(token)
    laboratory.wait_for_commit_in_standby_wait()
    pair.primary.execute(
        f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {WAITS}",
        [laboratory.odoo.dbname],
    )
    # It is on the primary now, and nowhere else.
    wait_until(lambda: laboratory.rows()[token] == 1, timeout=10, what="the row can be seen")
    # The resolution waits for the standby in its turn; cancelled, that is no proof either.
    wait_until(
        lambda: pair.primary.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event = 'SyncRep' AND query <> 'COMMIT' AND datname = %s",
            [laboratory.odoo.dbname],
        ),
        timeout=10,
        what="the resolution's wait is cancelled",
    )
    time.sleep(0.5)
    assert not answer.done()
    laboratory.fail_over()
    assert_saved_once(laboratory, token, answer)


def test_a_request_sent_again_is_not_told_saved_before_the_standby_has_it(
    laboratory: Laboratory,
) -> None:
    pair, token = laboratory.pair, uuid.uuid4().hex

    def call(node: OdooServer, method: str, *values: object) -> object:
        url = f"http://{node.address}:{node.port}/xmlrpc/2/object"
        with xmlrpc.client.ServerProxy(url, headers=[(HEADER, token)]) as server:
            return server.execute_kw(node.dbname, 2, "admin", "ha.test.row", method, [*values])

    waiting = f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {WAITS}"
    with ThreadPoolExecutor(2) as users, laboratory.another_node() as another:
        call(another, "search_count", [])
        pair.lag()
        answer = users.submit(call, laboratory.odoo, "create", [{"token": token}])
        laboratory.wait_for_commit_in_standby_wait()
        # Its node dies, and nothing waits for the standby any more.
        laboratory.odoo.kill()
        wait_until(
            lambda: not pair.primary.execute(waiting, [laboratory.odoo.dbname]),
            timeout=10,
            what="the COMMIT's wait is cancelled",
        )
        assert answer.exception(10)
        assert laboratory.rows()[token] == 1
        second = users.submit(call, another, "create", [{"token": token}])
        time.sleep(3)  # it meets the marker within milliseconds
        assert not second.done()
        laboratory.fail_over()
        assert second.result(HOLD_S + 30)
    assert laboratory.rows()[token] == 1
    laboratory.odoo.start()
