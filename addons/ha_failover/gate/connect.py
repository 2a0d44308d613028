"""Connections to the proven primary: where to, with which bounds, and how long to try."""

import logging
import random
import time
from collections.abc import Hashable
from typing import Any

import odoo
import psycopg2
from odoo import sql_db
from odoo.addons.ha_base.settings import current

from .. import work
from ..errors import DatabaseUnavailable, is_lost
from ..settings import Settings
from ..topology.watcher import watcher
from . import green
from .budget import held, remaining, spend
from .hold import Decision, decide, retry_pause
from .inside import inside
from .link import ends_at, remember
from .pooling import LISTENING, check_once
from .proof import QUESTION, Reached, objection

_logger = logging.getLogger(__name__)

#: The longest sleep while waiting, in seconds: the topology may turn stale without a change.
_LOOK_AGAIN = 0.1


def identity(connection_info: dict[str, Any]) -> Hashable:
    """What makes two requests for a connection interchangeable: all but the password.

    The target's address isn't part of it: it follows the topology.
    """
    return frozenset(
        ("dbname" if key == "database" else key, str(value))
        for key, value in connection_info.items()
        if key != "password"
    )


def parameters(
    connection_info: dict[str, Any], decision: Decision, settings: Settings, *, readonly: bool
) -> dict[str, Any]:
    """Pure: libpq's parameters for one attempt.

    Odoo passes host, port, user, password and sslmode only; without timeouts a hung server holds
    a worker for good. The latter wins: what ``connection_info`` says stays as it is, but for the
    address of the proven primary. A read-only pool (``db_replica_host``) keeps its own address,
    and a pooler's route the pooler's.
    """
    bounds: dict[str, Any] = {
        "connect_timeout": settings.database_connect_timeout,
        "keepalives": 1,
        "keepalives_idle": settings.database_keepalive_idle,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": int(settings.database_tcp_user_timeout * 1000),
    }
    if "dsn" in connection_info:
        return {**bounds, **connection_info}
    # Always said: PGTARGETSESSIONATTRS in the environment must not keep us off a read replica, and
    # a pooler tells libpq what the server was when it first met it.
    direct = settings.database_route == "primary" and not readonly
    bounds["target_session_attrs"] = "read-write" if direct else "any"
    chosen = {**bounds, **connection_info}
    if decision.server is not None and direct:
        chosen |= {"host": decision.server.host, "port": decision.server.port}
    return chosen


def connect(connection_info: dict[str, Any], *, readonly: bool) -> Any:
    """A new connection, as soon as there is a server for it.

    Never called under the pool's lock.

    :raises DatabaseUnavailable: when the budget is used up
    :raises psycopg2.OperationalError: at once, when waiting won't help (no such database, wrong
        password …), or when a read replica doesn't answer
    """
    settings = current(Settings)
    attempt = 0
    with await_writable(settings, readonly) as choose:
        while True:
            decision = choose()
            attempt += 1
            chosen = parameters(connection_info, decision, settings, readonly=readonly)
            try:
                connection = _attempt(chosen, settings.database_connect_timeout)
                if settings.database_route == "pooler" and not readonly:
                    _prove(connection, decision, settings.database_connect_timeout)
            except psycopg2.Error as error:
                # A read replica is never waited for: Odoo falls back to the primary at once.
                if readonly or not is_lost(error):
                    _logger.info("Connection to the database failed")
                    raise
                choose.failed(error)
                watcher().wait(retry_pause(attempt, random.random()))  # noqa: S311 (jitter)
                continue
            if not readonly:
                remember(connection)  # before the look at the epoch, so that no change is missed
            topology = watcher().topology()
            if decision.epoch is not None and topology and topology.epoch != decision.epoch:
                connection.close()  # the primary changed meanwhile, and the watcher didn't see us
                continue
            connection._ha_epoch = decision.epoch
            connection._ha_server = decision.server
            connection._ha_identity = identity(connection_info)
            if settings.database_route == "pooler" and chosen.get("database") == LISTENING:
                check_once(lambda: _attempt(chosen, settings.database_connect_timeout))  # noqa: B023
            return connection


def _prove(connection: Any, decision: Decision, timeout: float) -> None:
    """Have the server behind the pooler prove that it is the decision's, or close and raise.

    Bounded here: a pooler whose server hangs makes its clients wait.
    """
    try:
        with (
            ends_at(connection, time.monotonic() + timeout),
            connection.cursor() as asking,
        ):
            asking.execute(QUESTION)
            reached = Reached.of(asking.fetchone())
            connection.rollback()
        wrong = objection(reached, decision.server)
        if wrong is not None:
            raise psycopg2.OperationalError(wrong)
        connection._ha_timeline = reached.timeline
    except BaseException:
        connection.close()
        raise


def _attempt(arguments: dict[str, Any], timeout: float) -> Any:
    if not getattr(odoo, "evented", False):
        return psycopg2.connect(connection_factory=sql_db.PsycoConnection, **arguments)
    return green.connect(arguments, timeout)


class await_writable:  # noqa: N801 (reads as a verb in a with statement)
    """Context in which a thread waits at the gate; calling it returns the next decision.

    The thread counts as held from its first wait or failure until the context ends.
    """

    def __init__(self, settings: Settings, readonly: bool = False) -> None:
        self._settings = settings
        self._readonly = readonly
        self._deadline = time.monotonic() + remaining(settings.hold_timeout)
        self._holding: held | None = None
        self._since = 0.0
        self._error: BaseException | None = None

    def __enter__(self) -> "await_writable":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._holding is not None:
            self._holding.__exit__(None, None, None)
            spend(time.monotonic() - self._since)

    def failed(self, error: BaseException) -> None:
        """An attempt to connect failed; it is the cause if the budget runs out."""
        self._error = error
        self._hold()

    def __call__(self) -> Decision:
        follow = watcher()
        while True:
            topology = None if self._readonly else follow.topology()
            # The first attempt is always made, so that a budget of zero means "don't wait".
            now = time.monotonic()
            if self._holding is None:
                now = min(now, self._deadline - 1e-6)
            # What failed once waits like everything else: the server is on its way down.
            held_back = topology is not None and not topology.writable and self._error is None
            beside = inside() if held_back else None
            decision = decide(topology, now=now, deadline=self._deadline, inside=beside)
            if decision.action == "connect":
                return decision
            if decision.action == "give_up":
                raise DatabaseUnavailable(
                    "no writable database within the hold budget"
                    + (f" (topology: {topology.state})" if topology else "")
                ) from self._error
            self._hold()
            follow.wait(min(_LOOK_AGAIN, max(0.0, self._deadline - time.monotonic())))

    def _hold(self) -> None:
        if self._holding is None:
            unit = work.current()
            limited = unit is not None and unit.limited
            holding = held(self._settings.hold_limit if limited else None)
            holding.__enter__()
            self._holding, self._since = holding, time.monotonic()
            _logger.info(
                "Waiting for a writable database, %.0f s at most%s",
                max(0.0, self._deadline - time.monotonic()),
                f": {self._error}".rstrip() if self._error else "",
            )
