"""What the siblings know of their parts, gathered by the sampler: from this process's memory and
the node's disk, never over the network."""

import os
import shutil
import time
from pathlib import Path

from odoo.addons.ha_base.settings import current
from odoo.tools import config

from . import stores
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
    from odoo.addons.ha_attachment_s3.settings import Settings as AttachmentSettings
except ModuleNotFoundError:
    attachments = None

try:
    from odoo.addons.ha_cron_leader import status as cron
except ModuleNotFoundError:
    cron = None

Facts = dict[str, Fact]

#: Of the disk that keeps S3's contents: with less free the cache stops growing.
_LEAST_FREE = 0.05


def drain_path() -> Path:
    """The file that tells that this node is being drained."""
    own = current(Settings).drain_path
    if own or failover is None:
        return Path(own or "/run/odoo-ha/drain")
    return Path(current(FailoverSettings).topology_path).with_name("drain")


def observe(busy: Busy) -> Facts:
    """Gather what concerns the node, by the check's name."""
    return {**_node(busy), **_bus(), **_attachments(), **_cron()}


def _node(busy: Busy) -> Facts:
    facts = {}
    if os.path.exists(drain_path()):  # False, too, in a directory that it may not look into
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


def own() -> Facts:
    """What this process alone counted, of its session store and of S3, and whether those answer."""
    return {**_session_store(), **_object_store(), **stores.facts(time.monotonic())}


def _object_store() -> Facts:
    if attachments is None or not current(AttachmentSettings).s3_bucket:
        return {}
    counted = attachments.object_store()
    away = counted.pop("away")
    facts = {"s3:away": Fact(away, not away, "services", "datastore")}
    for name, value in counted.items():
        facts[f"s3:{name}"] = Fact(value, kind="datastore")
    return facts


def _session_store() -> Facts:
    counted = sessions.session_store() if sessions is not None else {"state": "none"}
    state = counted.pop("state")
    if state == "none":
        return {}
    facts = {"sessions:state": Fact(state, state == "closed", kind="datastore")}
    for name, value in counted.items():
        facts[f"sessions:{name}"] = Fact(value, kind="datastore")
    return facts


def _attachments() -> Facts:
    settings = current(AttachmentSettings) if attachments is not None else None
    if settings is None or not settings.s3_bucket:
        return {}
    directory = Path(
        settings.s3_cache_directory or Path(config["data_dir"]) / "ha_attachment_cache"
    )
    try:
        disk = shutil.disk_usage(
            next(one for one in (directory, *directory.parents) if one.exists())
        )
    except OSError as error:
        return {"s3:cache_disk_free": Fact(None, False, "bytes", "system", str(error.strerror))}
    well = disk.free >= _LEAST_FREE * disk.total
    return {"s3:cache_disk_free": Fact(disk.free, well, "bytes", "system")}


def _cron() -> Facts:
    known = cron.scheduled_actions() if cron is not None else None
    if known is None:
        return {}
    return {
        "cron:leads": Fact(known["leads"], unit="leases"),
        "cron:unserved": Fact(known["unserved_count"], not known["unserved_count"], "pools"),
        "cron:late_jobs": Fact(known["late_jobs"], unit="jobs"),
        "cron:node_id_taken": Fact(known["node_id_taken"], not known["node_id_taken"]),
        "cron:changes": Fact(known["changes"], unit="leases"),
    }
