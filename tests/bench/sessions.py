"""Sessions: stock's files, OCA's session_db, bare GET and SET, and ours, in one run.

``python -m tests.bench.sessions [--count 2000] [--fill 1000000] [--session-db DIRECTORY]`` under
Odoo's Python. Starts a Redis and a PostgreSQL of its own. ``--session-db`` names a directory with
OCA's addon (``pip install --target DIRECTORY odoo-addon-session-db --no-deps``); without it that
row is left out. Each operation takes its turn with the others, so that what else the machine does
meets all of them alike; microseconds, the median and the first decile (the least disturbed).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import redis

from tests.servers.odoo_here import suite_module
from tests.servers.postgres import ODOO_ROLE, Postgres
from tests.servers.redis_modes import PlainRedis

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

Operation = Callable[[int], None]


def store_operations(store: Any) -> dict[str, Operation]:
    """Read, and read with a change that is saved."""
    session = store.new()
    session.update(DOCUMENT)
    store.save(session)

    def read(_number: int) -> None:
        assert store.get(session.sid)["uid"] == 2

    def read_and_save(number: int) -> None:
        found = store.get(session.sid)
        found["number"] = number
        store.save(found)

    def rotate(number: int) -> None:
        visitor = store.new()
        visitor.update(DOCUMENT, uid=None, number=number)
        store.save(visitor)
        store.rotate(visitor, None)

    return {"read": read, "read+save": read_and_save, "visit+rotate": rotate}


def bare_operations(client: redis.Redis) -> dict[str, Operation]:
    """GET, and GET with SET, of the same JSON: the floor."""
    client.set("bare", json.dumps(DOCUMENT), px=604800000)

    def read(_number: int) -> None:
        json.loads(client.get("bare"))

    def read_and_save(number: int) -> None:
        found = json.loads(client.get("bare"))
        found["number"] = number
        client.set("bare", json.dumps(found), px=604800000)

    return {"read": read, "read+save": read_and_save}


def session_db_store(directory: Path, postgres: Postgres) -> Any:
    """OCA's store, on a database of its own."""
    sys.path.insert(0, str(directory))
    addons = __import__("odoo.addons", fromlist=["addons"])
    addons.__path__.append(str(directory / "odoo" / "addons"))
    from odoo.addons.session_db.pg_session_store import PGSessionStore
    from odoo.http import Session

    # The tests' servers do without; a real one does not.
    for parameter in ("fsync", "full_page_writes"):
        postgres.execute(f"ALTER SYSTEM SET {parameter} = on")
    postgres.execute("SELECT pg_reload_conf()")
    postgres.execute(f"CREATE DATABASE sessions OWNER {ODOO_ROLE}")
    uri = (
        f"postgresql://{ODOO_ROLE}:{postgres.odoo_password}@{postgres.address}:{postgres.port}"
        "/sessions"
    )
    return PGSessionStore(uri, session_class=Session)


def measure(
    subjects: dict[str, dict[str, Operation]], count: int
) -> dict[str, dict[str, tuple[float, float]]]:
    """(first decile, median) in microseconds by subject and operation."""
    samples: dict[str, dict[str, list[float]]] = {
        name: {label: [] for label in operations} for name, operations in subjects.items()
    }
    for number in range(count):
        for name, operations in subjects.items():
            for label, operation in operations.items():
                started = time.perf_counter()
                operation(number)
                samples[name][label].append(time.perf_counter() - started)
    return {
        name: {
            label: (statistics.quantiles(times, n=10)[0] * 1e6, statistics.median(times) * 1e6)
            for label, times in rows.items()
        }
        for name, rows in samples.items()
    }


def fill(client: redis.Redis, prefix: str, sids: Iterator[str]) -> None:
    """Store a session for each sid as the store's scripts would, in pipelines."""
    document = json.dumps(DOCUMENT)
    pipeline = client.pipeline(transaction=False)
    for number, sid in enumerate(sids, 1):
        pipeline.set(f"{prefix}:session:{{{sid[:42]}}}:{sid[42:]}", document, px=604800000)
        pipeline.hset(f"{prefix}:sessions:{{{sid[:42]}}}", sid[42:], "live")
        pipeline.pexpire(f"{prefix}:sessions:{{{sid[:42]}}}", 608400000)
        if number % 5000 == 0:
            pipeline.execute()
    pipeline.execute()


def revocations(store: Any, count: int) -> list[float]:
    """Milliseconds of each revocation of one user's five devices."""
    took = []
    for _ in range(count):
        sessions = [store.new() for _ in range(5)]
        for session in sessions:
            session.update(DOCUMENT)
            store.save(session)
        started = time.perf_counter()
        store.delete_from_identifiers([session.sid[:42] for session in sessions])
        took.append((time.perf_counter() - started) * 1000)
        assert all(store.get(session.sid).is_new for session in sessions)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--fill", type=int, default=1_000_000)
    parser.add_argument("--session-db", type=Path)
    chosen = parser.parse_args()
    store = suite_module("ha_session_redis.store")
    settings = suite_module("ha_session_redis.settings").Settings()
    from odoo.http import FilesystemSessionStore, Session

    with ExitStack() as running:
        server = running.enter_context(PlainRedis())
        directory = running.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp"))
        url = f"redis://{server.address}:{server.port}"
        ours = store.RedisSessionStore(replace(settings, redis_url=url, redis_prefix="bench"))
        # No token is computed: there is no database, and every store would compute the same.
        type(ours)._renew = lambda _store, session, _env: session.update(create_time=time.time())
        files = FilesystemSessionStore(directory, session_class=Session, renew_missing=True)
        subjects = {
            "files": store_operations(files),
            "bare redis-py": bare_operations(redis.Redis.from_url(url)),
            "ours": store_operations(ours),
        }
        if chosen.session_db:
            postgres = running.enter_context(Postgres())
            subjects["session_db"] = store_operations(session_db_store(chosen.session_db, postgres))
        measure(subjects, 50)
        found = measure(subjects, chosen.count)
        labels = ("read", "read+save", "visit+rotate")
        print(f"{'µs: p10 / p50':14}" + "".join(f"{label:>16}" for label in labels))
        for name, rows in found.items():
            cells = (
                f"{rows[label][0]:8.0f} /{rows[label][1]:6.0f}" if label in rows else " " * 16
                for label in labels
            )
            print(f"{name:14}" + "".join(cells))
        for name, rows in found.items():
            ratios = [
                mine / other
                for mine, other in zip(found["ours"]["read+save"], rows["read+save"], strict=True)
            ]
            print(f"read+save, ours / {name}: {ratios[0]:.2f} at p10, {ratios[1]:.2f} at p50")
        started = time.perf_counter()
        client = redis.Redis.from_url(url)
        fill(client, "bench", (ours.generate_key() for _ in range(chosen.fill)))
        print(f"filled {chosen.fill} sessions in {time.perf_counter() - started:.0f} s")
        took = revocations(ours, 100)
        print(
            f"revoke 5 devices among {chosen.fill}: "
            f"median {statistics.median(took):.2f} ms, worst {max(took):.2f} ms"
        )


if __name__ == "__main__":
    main()
