"""What this node knows of its scheduled actions, for those who show or judge it.

Read from memory that the node's processes share: never the network, in any process of the node.
"""

import json
from typing import Any

from . import process


def scheduled_actions() -> dict[str, Any] | None:
    """The keeper's report (``facts.Summary.report``), or None where no keeper runs: a node
    without cron threads, or before its first turn.

    ``leads`` counts pools of databases that this node leads; ``unserved`` names those with jobs
    that no live node serves; ``late_jobs``, ``paused``, ``pools_without_jobs`` (in
    ``cron_pools``, yet no job is in it), ``node_id_taken`` (another live node has the same
    ``node_id``), ``changes`` (leases gained and lost since the keeper began).
    """
    if not process.is_active():
        return None
    found = process.node().board.facts()
    return json.loads(found) if found else None
