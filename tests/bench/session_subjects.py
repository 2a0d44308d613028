"""What the benchmark of sessions compares: each store's operations, and PostgreSQL as it is run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import redis

from tests.servers.addresses import wait_until
from tests.servers.postgres import ODOO_ROLE, Postgres

#: What a logged-in user's session holds in Odoo 19.
DOCUMENT: dict[str, Any] = {
    "context": {"lang": "en_US", "tz": "Europe/Brussels", "uid": 2, "allowed_company_ids": [1]},
    "create_time": 1760000000.0,
    "db": None,
    "debug": "",
    "login": "admin",
    "uid": 2,
    "session_token": "a" * 64,
    "_trace": [
        {
            "platform": "linux",
            "browser": "firefox",
            "ip_address": "10.0.0.9",
            "first_activity": 1760000000,
            "last_activity": 1760003600,
        }
    ],
    "_geoip": {},
    "profile_session": None,
    "profile_collectors": None,
    "profile_params": None,
}
DATABASE = "bench"
_LIFETIME = 604800000  # milliseconds
_SAVES = 100

Operation = Callable[[int], None]
#: Runs ``work(env)`` in a transaction as a login's: it writes a row, and is committed.
LogIn = Callable[[Callable[[Any], None]], None]


def encoded(document: dict[str, Any]) -> str:
    """A document as every store writes it."""
    return json.dumps(document)


def store_operations(store: Any, log_in: LogIn) -> dict[str, Operation]:
    """Read; read with a change that is saved; a visitor's session, and the login in it."""
    session = store.new()
    session.update(DOCUMENT)
    store.save(session)

    def read(_number: int) -> None:
        assert store.get(session.sid)["uid"] == 2

    def read_and_save(number: int) -> None:
        found = store.get(session.sid)
        found["number"] = number
        store.save(found)

    def visit_and_log_in(number: int) -> None:
        visitor = store.new()
        visitor.update(DOCUMENT, uid=None, number=number)
        store.save(visitor)
        visitor["uid"] = 2
        log_in(lambda env: store.rotate(visitor, env))

    return {"read": read, "read+save": read_and_save, "visit, login": visit_and_log_in}


def bare_operations(client: redis.Redis, log_in: LogIn) -> dict[str, Operation]:
    """GET, and GET with SET, of the same JSON: the floor."""
    client.set("bare", encoded(DOCUMENT), px=_LIFETIME)

    def read(_number: int) -> None:
        json.loads(client.get("bare"))

    def read_and_save(number: int) -> None:
        found = json.loads(client.get("bare"))
        found["number"] = number
        client.set("bare", encoded(found), px=_LIFETIME)

    def visit_and_log_in(number: int) -> None:
        client.set(f"bare {number}", encoded(DOCUMENT | {"uid": None}), px=_LIFETIME)

        def rotate(_env: Any) -> None:
            client.delete(f"bare {number}")
            client.set(f"bare {number} in", encoded(DOCUMENT), px=_LIFETIME)

        log_in(rotate)

    return {"read": read, "read+save": read_and_save, "visit, login": visit_and_log_in}


def production(postgres: Postgres, standby: Postgres | None = None) -> None:
    """Have PostgreSQL keep its promises; the tests' servers do without.

    :param standby: what every COMMIT waits for as well
    """
    wanted = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
    if standby is not None:
        wanted["synchronous_standby_names"] = "*"
    for name, value in wanted.items():
        postgres.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    postgres.execute("SELECT pg_reload_conf()")

    def in_force() -> bool:
        found = [postgres.execute(f"SHOW {name}")[0][0] for name in wanted]
        return found == list(wanted.values())

    wait_until(in_force, timeout=10, what="PostgreSQL runs as in production")
    if standby is not None:
        query = "SELECT sync_state FROM pg_stat_replication"
        wait_until(
            lambda: postgres.execute(query) == [("sync",)], timeout=30, what="the standby follows"
        )


@contextmanager
def logins(postgres: Postgres, tables: ModuleType) -> Iterator[LogIn]:
    """Transactions as a login's, in a database in which the app is installed."""
    from odoo import sql_db
    from odoo.tools import config

    _database(postgres, DATABASE)
    config["db_host"], config["db_port"] = postgres.address, postgres.port
    config["db_user"], config["db_password"] = ODOO_ROLE, postgres.odoo_password
    cursor = sql_db.db_connect(DATABASE).cursor()
    cursor.execute(tables.CREATE)
    cursor.execute("CREATE TABLE res_users_log (login text, at timestamp)")
    cursor.commit()
    env = SimpleNamespace(cr=cursor)

    def log_in(work: Callable[[Any], None]) -> None:
        cursor.execute("INSERT INTO res_users_log VALUES ('admin', now())")
        work(env)
        cursor.commit()

    try:
        yield log_in
    finally:
        cursor.close()


def session_db_store(directory: Path, postgres: Postgres) -> Any:
    """OCA's store, on a database of its own; says whether its saves reach the disk."""
    sys.path.insert(0, str(directory))
    addons = __import__("odoo.addons", fromlist=["addons"])
    addons.__path__.append(str(directory / "odoo" / "addons"))
    from odoo.addons.session_db.pg_session_store import PGSessionStore
    from odoo.http import Session

    store = PGSessionStore(_database(postgres, "sessions"), session_class=Session)
    session = store.new()
    store.save(session)
    before = _syncs(postgres)
    started = time.perf_counter()
    for _ in range(_SAVES):
        store.save(session)
    took = time.perf_counter() - started
    wait_until(
        lambda: _syncs(postgres) - before >= _SAVES, timeout=30, what="each save reached the disk"
    )
    print(
        f"session_db: {_SAVES} saves, {_syncs(postgres) - before} writes of the log forced to disk, "
        f"{took / _SAVES * 1e6:.0f} µs each",
        flush=True,
    )
    return store


def _syncs(postgres: Postgres) -> int:
    return int(postgres.execute("SELECT wal_sync FROM pg_stat_wal")[0][0])


def _database(postgres: Postgres, name: str) -> str:
    postgres.execute(f"CREATE DATABASE {name} OWNER {ODOO_ROLE}")
    return (
        f"postgresql://{ODOO_ROLE}:{postgres.odoo_password}@{postgres.address}:{postgres.port}"
        f"/{name}"
    )
