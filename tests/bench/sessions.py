"""Sessions: stock's files, OCA's session_db, bare GET and SET, and ours, in one run.

``python -m tests.bench.sessions [--count 2000] [--fill 1000000] [--session-db DIRECTORY]
[--json FILE]`` under Odoo's Python, on an idle machine; the million takes 1 GB of memory.
``--session-db`` names a directory with OCA's addon (``pip install --target DIRECTORY
odoo-addon-session-db --no-deps``); without it its rows are left out. PostgreSQL runs as in production:
each of its commits reaches the disk, which is counted. All operations take their turns in an order that
chance makes anew each round, so that none of them always finds a server awake.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import redis

from tests.servers.odoo_here import suite_module
from tests.servers.postgres import Postgres
from tests.servers.redis_modes import PlainRedis

from .report import conclude, percentile
from .session_subjects import (
    DOCUMENT,
    Operation,
    bare_operations,
    encoded,
    logins,
    production,
    session_db_store,
    store_operations,
)

Samples = dict[tuple[str, str], list[float]]


def measure(subjects: dict[str, dict[str, Operation]], count: int) -> Samples:
    """The seconds of each call, by subject and operation."""
    calls = [(name, label) for name, operations in subjects.items() for label in operations]
    samples: Samples = {call: [] for call in calls}
    for number in range(count):
        random.shuffle(calls)
        for name, label in calls:
            operation = subjects[name][label]
            started = time.perf_counter()
            operation(number)
            samples[name, label].append(time.perf_counter() - started)
    return samples


def fill(client: redis.Redis, prefix: str, sids: Iterator[str]) -> None:
    """Store a session for each sid as the store's scripts would, in pipelines."""
    document = encoded(DOCUMENT)
    pipeline = client.pipeline(transaction=False)
    for number, sid in enumerate(sids, 1):
        pipeline.set(f"{prefix}:session:{{{sid[:42]}}}:{sid[42:]}", document, px=604800000)
        pipeline.hset(f"{prefix}:sessions:{{{sid[:42]}}}", sid[42:], "live")
        pipeline.pexpire(f"{prefix}:sessions:{{{sid[:42]}}}", 608400000)
        if number % 5000 == 0:
            pipeline.execute()
    pipeline.execute()


def revocations(store: Any, count: int) -> list[float]:
    """Seconds of each revocation of one user's five devices."""
    took = []
    for _ in range(count):
        sessions = [store.new() for _ in range(5)]
        for session in sessions:
            session.update(DOCUMENT)
            store.save(session)
        started = time.perf_counter()
        store.delete_from_identifiers([session.sid[:42] for session in sessions])
        took.append(time.perf_counter() - started)
        assert all(store.get(session.sid).is_new for session in sessions)
    return took


def rows(samples: Samples) -> list[dict[str, str]]:
    """A line for each subject: the first decile and the median of each operation."""
    labels = list(dict.fromkeys(label for _, label in samples))
    return [
        {"µs: p10 / p50": name}
        | {
            label: " / ".join(
                f"{percentile(samples[name, label], share) * 1e6:.0f}" for share in (0.1, 0.5)
            )
            for label in labels
        }
        for name in dict.fromkeys(name for name, _ in samples)
    ]


def goals(samples: Samples, revoked: list[float]) -> dict[str, bool]:
    """What the medians say."""

    def ratio(name: str) -> float:
        ours, other = (statistics.median(samples[who, "read+save"]) for who in ("ours", name))
        return ours / other

    found = {}
    for name, most in (("files", 1.0), ("bare redis-py", 1.4), ("session_db", 1 / 2.5)):
        if (name, "read+save") in samples:
            share = ratio(name)
            goal = f"read+save takes at most {most:.2f} of the time of {name}: {share:.2f}"
            found[goal] = share <= most
    slow = statistics.median(revoked)
    found[f"revoking five devices takes at most 5 ms: {slow * 1000:.2f} ms"] = slow <= 0.005
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--fill", type=int, default=1_000_000)
    parser.add_argument("--session-db", type=Path)
    parser.add_argument("--json", type=Path, help="read by tests.bench.report")
    chosen = parser.parse_args()
    store = suite_module("ha_session_redis.store")
    settings = suite_module("ha_session_redis.settings").Settings()
    from odoo.http import FilesystemSessionStore, Session
    from odoo.service import security

    # There are no users: it costs every store the same.
    security.compute_session_token = lambda session, _env: session.sid

    with ExitStack() as running:
        server = running.enter_context(PlainRedis())
        postgres = running.enter_context(Postgres())
        directory = running.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp"))
        url = f"redis://{server.address}:{server.port}"
        ours = store.RedisSessionStore(replace(settings, redis_url=url, redis_prefix="bench"))
        client = redis.Redis.from_url(url)
        started = time.perf_counter()
        fill(client, "bench", (ours.generate_key() for _ in range(chosen.fill)))
        print(f"filled {chosen.fill} sessions in {time.perf_counter() - started:.0f} s", flush=True)
        production(postgres)
        log_in = running.enter_context(
            logins(postgres, suite_module("ha_session_redis.postgres.table"))
        )
        files = FilesystemSessionStore(directory, session_class=Session, renew_missing=True)
        subjects = {
            "files": store_operations(files, log_in),
            "bare redis-py": bare_operations(client, log_in),
            "ours": store_operations(ours, log_in),
        }
        if chosen.session_db:
            theirs = session_db_store(chosen.session_db, postgres)
            subjects["session_db"] = store_operations(theirs, log_in)
            pair = running.enter_context(Postgres())
            standby = running.enter_context(pair.replica())
            production(pair, standby)
            theirs = session_db_store(chosen.session_db, pair)
            subjects["session_db, with a synchronous standby"] = store_operations(theirs, log_in)
        measure(subjects, 50)
        samples = measure(subjects, chosen.count)
        revoked = revocations(ours, 100)
    return conclude("sessions", rows(samples), goals(samples, revoked))


if __name__ == "__main__":
    sys.exit(main())
