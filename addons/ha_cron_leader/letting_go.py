"""What a node says to the others: that jobs are waiting, and that it has let a lease go."""

import logging
import time

import psycopg2

from . import statements
from .board import Note
from .lease import Terms
from .node import Node
from .presence import CHANNEL, Presence, connect, primaries

_logger = logging.getLogger(__name__)


def wake(presence: Presence, database: str) -> None:
    """Wake the cron processes of all nodes, as ``ir.cron._trigger`` does."""
    from odoo.addons.base.models.ir_cron import ODOO_NOTIFY_FUNCTION

    try:
        presence.tell("cron_trigger", database, ODOO_NOTIFY_FUNCTION)
    except psycopg2.Error as error:
        _logger.warning("%s: jobs wait for the next poll, waking failed: %s", database, error)


def give_back(
    presence: Presence, database: str, pools: tuple[str, ...], node: Node, terms: Terms, why: str
) -> bool:
    """Release the leases and tell the other nodes' keepers; False when it could not be done."""
    try:
        connection = connect(primaries(database, "cron"), terms.timeout)
        try:
            released = connection.query(
                statements.RELEASE,
                {
                    "pools": list(pools),
                    "holder": node.holder,
                    "why": why,
                    "timeout_ms": milliseconds(terms.timeout),
                },
                terms.timeout,
            )
        finally:
            connection.close()
        if released:
            _logger.info("%s: %s released the lease (%s)", database, node.holder, why)
            presence.tell(CHANNEL, database)
    except psycopg2.Error as error:
        _logger.warning("%s: the lease is not released, it runs out: %s", database, error)
        return False
    return True


def release(node: Node, terms: Terms) -> None:
    """The node ends in good order: let another one take over what no job of it runs under."""
    deadline = time.monotonic() + terms.timeout * 3
    presence = Presence(node, terms.timeout)
    for database in node.databases():
        for pool in node.pools:
            now = time.monotonic()
            if now >= deadline:
                return  # the rest runs out by itself
            note = node.board.get(database, pool, now)
            if note is None or not note.token:
                continue
            with node.quiet(database, pool) as quiet:
                if quiet and give_back(
                    presence, database, (pool,), node, terms, statements.STOPPED
                ):
                    node.board.put(database, pool, Note(0, 0.0, now + terms.lease))


def milliseconds(seconds: float) -> int:
    """For PostgreSQL's timeouts; never 0, which would be none."""
    return max(1, int(seconds * 1000))
