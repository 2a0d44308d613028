"""Whether Redis and S3 answer this node: asked by a thread each, for as long as somebody wants to know.

A process that needs neither just now would not notice that one is away; and a thread that hangs in one
must not make the other, or the database, look old.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from odoo.addons.ha_base import background
from odoo.addons.ha_base.settings import current

from .details import Fact

try:
    from odoo.addons.ha_session_redis.settings import Settings as RedisSettings
except ModuleNotFoundError:  # works without it
    RedisSettings = None

try:
    from odoo.addons.ha_attachment_s3.settings import Settings as AttachmentSettings
except ModuleNotFoundError:
    AttachmentSettings = None

#: Seconds between two questions, and those that an answer is waited for.
INTERVAL = 2.0
PATIENCE = 2.0
#: Seconds after which nobody wants to know any more, and after which an answer is too old to tell.
_WANTED_FOR = 60.0
_OLD = 20.0

#: Asks once; raises when it has no answer.
Ask = Callable[[], None]


class Store:
    """One store. ``connect`` returns how to ask it, or None where it isn't configured."""

    def __init__(self, name: str, connect: Callable[[], Ask | None]) -> None:
        self._name = name
        self._connect = connect
        self._lock = threading.Lock()
        self._pid = 0
        self._wanted_at = 0.0
        self._seen: tuple[bool, float] | None = None

    def answers(self, now: float) -> bool | None:
        """Did it answer when it was asked last? None: nobody knows yet. Begins to ask."""
        self._wanted_at = now
        with self._lock:
            if self._pid != os.getpid():
                self._pid, self._seen = os.getpid(), None
                background.start(self._run, f"ha_health.{self._name}")
        seen = self._seen
        return seen[0] if seen is not None and now - seen[1] < _OLD else None

    def _run(self) -> None:
        ask: Ask | None = None
        while time.monotonic() - self._wanted_at < _WANTED_FOR:
            try:
                ask = ask or self._connect()
                if ask is None:
                    return  # it isn't configured, and won't be while this process lives
                ask()
                answered = True
            except Exception:  # whatever a client raises, it is no answer
                answered = False
            self._seen = (answered, time.monotonic())
            time.sleep(INTERVAL)
        with self._lock:
            self._pid = 0


def facts(now: float) -> dict[str, Fact]:
    """What is known of each, by the check's name; quick. ``now`` is of the monotonic clock."""
    found = {}
    for name, store in _STORES.items():
        answered = store.answers(now)
        if answered is not None:
            found[f"{name}:answers"] = Fact(answered, answered, kind="datastore")
    return found


def _redis() -> Ask | None:
    settings = current(RedisSettings) if RedisSettings is not None else None
    if settings is None or not (
        settings.redis_url or settings.redis_sentinels or settings.redis_cluster
    ):
        return None
    from odoo.addons.ha_session_redis.client import connect  # noqa: PLC0415 (needs redis-py)

    client = connect(replace(settings, redis_connect_timeout=PATIENCE, redis_timeout=PATIENCE))
    # A write: a Redis that only reads keeps no session.
    return lambda: client.set(f"{settings.redis_prefix}:probe", "", px=1000)


def _s3() -> Ask | None:
    settings = current(AttachmentSettings) if AttachmentSettings is not None else None
    if settings is None or not settings.s3_bucket:
        return None
    from botocore.exceptions import ClientError  # noqa: PLC0415 (needs boto3)
    from odoo.addons.ha_attachment_s3.store import client_of  # noqa: PLC0415

    short = replace(settings, s3_connect_timeout=PATIENCE, s3_timeout=PATIENCE)
    client = client_of(settings.service, short, attempts=1)

    def ask() -> None:
        try:
            client.head_bucket(Bucket=settings.s3_bucket)
        except ClientError as error:
            # One that refuses, answers; below a proxy there may be nothing.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise

    return ask


_STORES = {"redis": Store("redis", _redis), "s3": Store("s3", _s3)}
