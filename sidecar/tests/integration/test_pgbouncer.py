"""The actor with a real PgBouncer: it holds, repoints, ends what hangs, and never leaves it paused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import psycopg2
import pytest

from ha_sidecar.actors import Published
from ha_sidecar.actors.pgbouncer import PgBouncer as Actor
from ha_sidecar.actors.pgbouncer.check import look_at
from ha_sidecar.actors.pgbouncer.console import Access, Console
from ha_sidecar.cluster import Primary
from ha_sidecar.errors import ActorError
from ha_sidecar.session import Credentials
from ha_sidecar.transitions import Phase
from tests.servers.addresses import wait_until
from tests.servers.pgbouncer import ADMIN, PgBouncer
from tests.servers.postgres import Postgres

#: The promise: whoever paused it died, and it serves again within so many seconds.
RESUMED = 5.0


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postgres, Postgres]]:
    with Postgres() as old, old.replica() as new:
        yield old, new


@pytest.fixture(params=["session", "transaction"])
def pooler(
    request: pytest.FixtureRequest, servers: tuple[Postgres, Postgres]
) -> Iterator[PgBouncer]:
    with PgBouncer(servers[0], pool_mode=request.param, pool_size=4) as pooler:
        yield pooler


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def access(pooler: PgBouncer) -> Access:
    login = Credentials(ADMIN, "pgbouncer", lambda: pooler.admin_password)
    return Access(pooler.address, pooler.port, login)


@pytest.fixture
def begin(pooler: PgBouncer, resources: ExitStack) -> Callable[[], Actor]:
    """Start an actor on the pooler, as often as wanted."""

    def make() -> Actor:
        actor = Actor(
            access(pooler),
            databases=("*", "postgres pool_mode=session"),
            file=pooler.databases_file,
            password_file=pooler.password_file,
            pause_limit=30.0,
        )
        actor.start()
        resources.callback(actor.join, 10)
        resources.callback(actor.end)
        return actor

    return make


def published(phase: Phase, server: Postgres | None = None, timeline: int = 1) -> Published:
    primary = Primary("pg", server.address, server.port, timeline, "73") if server else None
    return Published(phase, primary, timeline)


def where(pooler: PgBouncer) -> str:
    connection = pooler.connect("postgres")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT host(inet_server_addr())")
            return str(cursor.fetchall()[0][0])
    finally:
        connection.close()


def answers(pooler: PgBouncer, timeout: float) -> bool:
    """Is a new client served within ``timeout`` seconds?"""
    served = threading.Event()

    def ask() -> None:
        try:
            where(pooler)
        except psycopg2.Error:
            return
        served.set()

    threading.Thread(target=ask, daemon=True).start()
    return served.wait(timeout)


def settle(actor: Actor, server: Postgres, pooler: PgBouncer, timeline: int = 1) -> None:
    actor.aim(published(Phase.STABLE, server, timeline))
    wait_until(
        lambda: f"timeline {timeline} " in pooler.databases_file.read_text(),
        timeout=5,
        what="the actor wrote the primary down",
    )
    wait_until(lambda: where(pooler) == server.address, timeout=5, what="repointed")


def paused(pooler: PgBouncer) -> bool:
    return not answers(pooler, 0.4)


def test_it_holds_while_switching_and_follows_the_new_primary(
    servers: tuple[Postgres, Postgres], pooler: PgBouncer, begin: Callable[[], Actor]
) -> None:
    old, new = servers
    actor = begin()
    settle(actor, old, pooler)
    actor.aim(published(Phase.SWITCHING, old))
    wait_until(lambda: paused(pooler), timeout=5, what="paused")
    started = time.monotonic()
    actor.aim(published(Phase.STABLE, new, 2))
    assert answers(pooler, 3.0)
    assert where(pooler) == new.address
    assert time.monotonic() - started < 3.0


def test_while_transactions_drain_it_still_connects(
    servers: tuple[Postgres, Postgres], pooler: PgBouncer, begin: Callable[[], Actor]
) -> None:
    """One of them may need another connection to end, and the switchover waits for it."""
    actor = begin()
    settle(actor, servers[0], pooler)
    actor.aim(replace(published(Phase.SWITCHING, servers[0]), draining=True))
    time.sleep(1.0)
    assert answers(pooler, 10.0)
    actor.aim(published(Phase.SWITCHING, servers[0]))
    wait_until(lambda: paused(pooler), timeout=30, what="paused")


def test_an_open_transaction_delays_nobody_once_the_primary_is_proven(
    servers: tuple[Postgres, Postgres], pooler: PgBouncer, begin: Callable[[], Actor]
) -> None:
    """PAUSE waits for it, and would do so for its whole patience."""
    actor = begin()
    settle(actor, servers[0], pooler)
    client = pooler.connect("postgres")
    with client.cursor() as cursor:
        cursor.execute("BEGIN; SELECT 1")
        actor.aim(published(Phase.SWITCHING, servers[0]))
        wait_until(lambda: paused(pooler), timeout=5, what="paused")
        actor.aim(published(Phase.STABLE, servers[0]))
        assert answers(pooler, 1.0)
        cursor.execute("SELECT 2; COMMIT")
    client.close()


def test_a_hung_server_whose_clients_fill_the_pool_keeps_nobody_out(
    servers: tuple[Postgres, Postgres],
    pooler: PgBouncer,
    begin: Callable[[], Actor],
    resources: ExitStack,
) -> None:
    old, new = servers
    actor = begin()
    settle(actor, old, pooler)
    clients = [pooler.connect("postgres") for _ in range(4)]
    ended = []

    def hang(client: psycopg2.extensions.connection) -> None:
        try:
            with client.cursor() as cursor:
                cursor.execute("BEGIN; SELECT pg_sleep(60)")
        except psycopg2.Error:
            ended.append(client)

    threads = [threading.Thread(target=hang, args=(c,), daemon=True) for c in clients]
    for thread in threads:
        thread.start()
    wait_until(
        lambda: sum(bool(row["link"]) for row in pooler.admin("SHOW SERVERS")) == 4,
        timeout=5,
        what="all links in use",
    )
    old.freeze()
    resources.callback(old.thaw)
    actor.aim(published(Phase.LOST))
    time.sleep(0.3)
    actor.aim(published(Phase.STABLE, new, 2))
    wait_until(lambda: where(pooler) == new.address, timeout=8, what="served by the new primary")
    wait_until(lambda: len(ended) == 4, timeout=8, what="the hung clients are told")
    wait_until(
        lambda: all(row["addr"] == new.address for row in pooler.admin("SHOW SERVERS")),
        timeout=5,
        what="no link to the old server stays",
    )


_PAUSER = """
import json, sys, time
from pathlib import Path
from ha_sidecar.actors.pgbouncer import PgBouncer
from ha_sidecar.actors.pgbouncer.console import Access
from ha_sidecar.actors import Published
from ha_sidecar.cluster import Primary
from ha_sidecar.session import Credentials
from ha_sidecar.transitions import Phase
a = json.loads(sys.argv[1])
password = Path(a["password_file"]).read_text().strip()
actor = PgBouncer(
    Access(a["host"], a["port"], Credentials(a["user"], "pgbouncer", lambda: password)),
    databases=("*", "postgres pool_mode=session"), file=Path(a["file"]),
    password_file=Path(a["password_file"]), pause_limit=60.0)
actor.start()
actor.aim(Published(Phase.STABLE, Primary("pg", a["server"], a["server_port"], 1, "73"), 1))
time.sleep(1)
actor.aim(Published(Phase.LOST, None, 1))
time.sleep(120)
"""


@pytest.fixture
def pauser(
    servers: tuple[Postgres, Postgres], pooler: PgBouncer
) -> Iterator[subprocess.Popen[bytes]]:
    """Another sidecar's process that has paused the pooler."""
    arguments = {
        "host": pooler.address,
        "port": pooler.port,
        "user": ADMIN,
        "file": str(pooler.databases_file),
        "password_file": str(pooler.password_file),
        "server": servers[0].address,
        "server_port": servers[0].port,
    }
    process = subprocess.Popen([sys.executable, "-c", _PAUSER, json.dumps(arguments)])
    try:
        wait_until(lambda: paused(pooler), timeout=15, what="paused by the other process")
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_it_is_resumed_when_who_paused_it_is_gone(
    pooler: PgBouncer, pauser: subprocess.Popen[bytes], fault: signal.Signals
) -> None:
    time.sleep(1)  # still paused, long enough for the guardian to have been told so again
    assert paused(pooler)
    os.kill(pauser.pid, fault)
    started = time.monotonic()
    assert answers(pooler, RESUMED), "left paused"
    print(f"resumed {time.monotonic() - started:.2f} s after {fault.name}")


def test_a_sidecar_that_starts_resumes_what_it_finds_paused(
    servers: tuple[Postgres, Postgres], pooler: PgBouncer, begin: Callable[[], Actor]
) -> None:
    pooler.admin("PAUSE")
    assert paused(pooler)
    begin().aim(published(Phase.LOST))
    assert answers(pooler, RESUMED)


def test_two_sidecars_end_in_one_state(
    servers: tuple[Postgres, Postgres], pooler: PgBouncer, begin: Callable[[], Actor]
) -> None:
    old, new = servers
    one, two = begin(), begin()
    for actor in (one, two):
        settle(actor, old, pooler)
    for actor in (one, two):
        actor.aim(published(Phase.SWITCHING, old))
    wait_until(lambda: paused(pooler), timeout=5, what="paused")
    one.aim(published(Phase.STABLE, new, 2))
    wait_until(lambda: where(pooler) == new.address, timeout=5, what="the first one's word")
    two.aim(published(Phase.STABLE, old, 1))  # it lags behind
    time.sleep(1.2)
    assert where(pooler) == new.address, "went back to a lower timeline"
    two.aim(published(Phase.STABLE, new, 2))
    time.sleep(1.2)
    assert where(pooler) == new.address
    assert not paused(pooler)


def test_what_another_sidecar_left_paused_is_resumed_by_one_that_knows_better(
    servers: tuple[Postgres, Postgres], pooler: PgBouncer, begin: Callable[[], Actor]
) -> None:
    settle(begin(), servers[0], pooler)
    pooler.admin("PAUSE")
    assert answers(pooler, RESUMED)


def test_the_check_names_what_is_wrong(
    servers: tuple[Postgres, Postgres], pooler: PgBouncer
) -> None:
    where(pooler)
    assert look_at(access(pooler), pooler.databases_file).startswith("version 1.")
    text = (pooler.base / "pgbouncer.ini").read_text()
    text = text.replace("server_login_retry = 1", "server_login_retry = 15")
    (pooler.base / "pgbouncer.ini").write_text(text)
    databases = pooler.databases_file.read_text()
    pooler.databases_file.write_text(databases.replace("=session", "=transaction"))
    pooler.reload()
    with pytest.raises(ActorError, match=r"server_login_retry.*LISTEN"):
        look_at(access(pooler), pooler.databases_file)


def test_a_console_that_hangs_is_an_error_within_a_second(pooler: PgBouncer) -> None:
    pooler.freeze()
    try:
        started = time.monotonic()
        with pytest.raises(ActorError):
            Console(access(pooler)).version()
        assert time.monotonic() - started < 3.0
    finally:
        pooler.thaw()
