"""Seams: ``Cursor.commit`` and ``Cursor.rollback``."""

import logging
from collections.abc import Callable
from typing import Any

import psycopg2
from odoo.addons.ha_base.patches import Patch

from .. import work
from ..errors import ConnectionLost, is_lost
from ..gate.connect import connect
from ..marker.commit import commit as commit_with_marker

_logger = logging.getLogger(__name__)


def _wrap_commit(_original: Callable[..., Any]) -> Callable[..., Any]:
    def commit(self: Any) -> None:
        """Perform an SQL ``COMMIT``; returns only if what was written is in the database."""
        self.flush()
        if self._ha_broken is not None:
            raise ConnectionLost(
                "the connection was lost in this transaction, and the error was ignored"
            ) from self._ha_broken
        if self._ha_wrote:
            commit_with_marker(self, lambda: _connect_to_resolve(self))
            self._ha_wrote = False
            unit = work.current()
            if unit is not None:
                unit.committed(self)
        else:
            _end_read(self)
        self.clear()
        self._now = None
        self.prerollback.clear()
        self.postrollback.clear()
        self.postcommit.run()

    return commit


def _connect_to_resolve(cursor: Any) -> Any:
    """Outside of ``hold_limit``: to refuse this would leave the COMMIT in doubt."""
    with work.unit(limited=False):
        return connect(cursor._ha_connection_info, readonly=False)


def _end_read(cursor: Any) -> None:
    """Nothing was written: what was read is as valid without the server's answer."""
    try:
        cursor._cnx.commit()
    except psycopg2.Error as error:
        if not is_lost(error):
            raise
        _logger.debug("Connection lost at the end of a transaction that only read: %s", error)


def _wrap_rollback(original: Callable[..., Any]) -> Callable[..., Any]:
    def rollback(self: Any) -> None:
        original(self)
        if self._ha_wrote:
            self._ha_wrote = False

    return rollback


PATCH = Patch(
    name="cursor-commit",
    target="odoo.sql_db:Cursor.commit",
    reason="A COMMIT whose answer was lost must be resolved, never guessed; a dead connection "
    "whose error was swallowed must fail here.",
    checked_on="19.0",
    contains=(
        "self.flush() self._cnx.commit() self.clear() self._now = None "
        "self.prerollback.clear() self.postrollback.clear() self.postcommit.run()",
    ),
    wrap=_wrap_commit,
)
PATCH_ROLLBACK = Patch(
    name="cursor-rollback",
    target="odoo.sql_db:Cursor.rollback",
    reason="What was rolled back doesn't count as written.",
    checked_on="19.0",
    contains=("self._cnx.rollback()",),
    wrap=_wrap_rollback,
)
