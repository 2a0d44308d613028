"""Is database ``postgres`` pooled by transaction? LISTEN is deaf there, so it is said aloud."""

import logging
import time
from collections.abc import Callable
from typing import Any

import psycopg2

from .link import ends_at

_logger = logging.getLogger(__name__)

#: The database in which Odoo's bus and its scheduled actions LISTEN.
LISTENING = "postgres"
_ROUNDS = 4
_TIMEOUT = 2.0

_checked = False


def check_once(connect: Callable[[], Any]) -> None:
    """Warn, once in a process, when two connections share one session of the server.

    :param connect: makes a connection to database ``postgres`` through the pooler
    """
    global _checked  # noqa: PLW0603 (once per process is the point)
    if _checked:
        return
    _checked = True
    made: list[Any] = []
    try:
        made += (connect(), connect())
        if _shared(*made):
            _logger.error(
                "Database %s is pooled by transaction: websockets and scheduled actions aren't "
                "woken. Give it pool_mode=session in the pooler's [databases]",
                LISTENING,
            )
    except psycopg2.Error as error:
        _checked = False
        _logger.info("How database %s is pooled can't be seen now: %s", LISTENING, error)
    finally:
        for connection in made:
            connection.close()


def _shared(one: Any, other: Any) -> bool:
    seen: tuple[set[int], set[int]] = (set(), set())
    for _ in range(_ROUNDS):
        for connection, pids in zip((one, other), seen, strict=True):
            with ends_at(connection, time.monotonic() + _TIMEOUT), connection.cursor() as asking:
                asking.execute("SELECT pg_backend_pid()")
                pids.add(asking.fetchone()[0])
                connection.rollback()
    return len(seen[0]) > 1 or len(seen[1]) > 1 or bool(seen[0] & seen[1])
