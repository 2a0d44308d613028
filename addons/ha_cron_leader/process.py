"""The process-level part of ha_cron_leader, activated by ha_base on each node."""

import os
import threading
import time

from odoo.addons.ha_base.node import node_id
from odoo.addons.ha_base.patches import apply
from odoo.tools import config

from .fence import Lease
from .keeper import Keeper
from .lease import Terms
from .letting_go import release
from .node import Node
from .settings import Settings

_node: Node | None = None
_terms: Terms | None = None
_keeper: Keeper | None = None
_lock = threading.Lock()


def activate(settings: Settings) -> None:
    """Patch the server and ``ir.cron``; connects nowhere. Runs before the fork."""
    from .patches import cron_jobs, cron_processes, cursor_commit

    global _node, _terms
    _node = Node(node_id(), settings.cron_pools, _drained)
    _terms = Terms(settings.cron_lease)
    apply(
        cron_jobs.PROCESS_JOBS,
        cron_jobs.READY_JOBS,
        cron_jobs.ACQUIRE_ONE_JOB,
        cron_jobs.PROCESS_JOB,
        cron_jobs.RUN_JOB,
        cursor_commit.PATCH,
        cron_processes.WORKER_START,
        cron_processes.PREFORK_STOP,
        cron_processes.CRON_SPAWN,
        cron_processes.THREADED_STOP,
    )


def node() -> Node:
    """This node; the same in all of its processes."""
    assert _node is not None
    return _node


def keeper(parent: int | None = None) -> Keeper:
    """The keeper of this process, started at the first call after the fork."""
    global _keeper
    with _lock:
        if _keeper is None or _keeper.pid != os.getpid():
            assert _terms is not None
            _keeper = Keeper(node(), _terms, parent)
            # Without db_name, the databases become known as the server goes through them.
            _keeper.start(config["db_name"])
        return _keeper


def leave() -> None:
    """The node stops: take no lease any more, and release those under which no job runs."""
    assert _terms is not None
    node().board.leave()
    release(node(), _terms)


def is_active() -> bool:
    """Does this process belong to a node, that is, was ``activate`` called?"""
    return _node is not None


def wanted_elsewhere(lease: Lease) -> bool:
    """Had the job that runs under ``lease`` better end soon?"""
    note = node().board.get(lease.database, lease.pool, time.monotonic())
    return node().leaves or note is None or note.yields or note.token != lease.token


def _drained() -> bool:
    """Is the node being drained? Without ha_health nobody can drain it."""
    try:
        from odoo.addons.ha_health.facts import drain_path
    except ModuleNotFoundError:
        return False
    return os.path.exists(drain_path())
