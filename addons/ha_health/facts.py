"""What the siblings know of their parts, gathered by the sampler: from this process's memory and
the node's disk, never over the network."""

from pathlib import Path

from odoo.addons.ha_base.settings import current
from odoo.tools import config

from .busy import Busy
from .details import Fact
from .settings import Settings

try:
    from odoo.addons.ha_failover import status as failover
    from odoo.addons.ha_failover.settings import Settings as FailoverSettings
except ModuleNotFoundError:  # works without it: then nothing is held
    failover = None

try:
    from odoo.addons.ha_session_redis import status as sessions
except ModuleNotFoundError:
    sessions = None

try:
    from odoo.addons.ha_attachment_s3 import status as attachments
except ImportError:
    attachments = None

try:
    from odoo.addons.ha_cron_leader import status as cron
except ImportError:
    cron = None

Facts = dict[str, Fact]


def drain_path() -> Path:
    """The file that tells that this node is being drained."""
    own = current(Settings).drain_path
    if own or failover is None:
        return Path(own or "/run/odoo-ha/drain")
    return Path(current(FailoverSettings).topology_path).with_name("drain")


def observe(busy: Busy) -> Facts:
    """Gather everything, by the check's name."""
    return {**_node(busy), **_bus(), **_sessions(), **_attachments(), **_cron()}


def _node(busy: Busy) -> Facts:
    facts = {}
    if drain_path().exists():
        facts["node:draining"] = Fact(True, well=False)
    workers = config["workers"]
    if workers:
        free = max(0, workers - busy.count())
        facts["workers:free"] = Fact(free, free > 0, "workers")
        facts["workers:all"] = Fact(workers, unit="workers")
    return facts


def _bus() -> Facts:
    listening = failover.listening() if failover is not None else None
    return {} if listening is None else {"bus:listening": Fact(listening, listening)}


def _sessions() -> Facts:
    counted = sessions.session_store() if sessions is not None else {"state": "none"}
    state = counted.pop("state")
    if state == "none":
        return {}
    facts = {"sessions:state": Fact(state, state == "closed", kind="datastore")}
    for name, value in counted.items():
        facts[f"sessions:{name}"] = Fact(value, kind="datastore")
    return facts


def _attachments() -> Facts:
    return {}


def _cron() -> Facts:
    return {}
