"""Activation of the suite's process-level parts, from Odoo's ``post_load`` hook.

Odoo calls ``post_load`` when it loads the server-wide modules: in the prefork master before it
forks, and again in the gevent process. Everything that must be the same in every process of the
node (pool, request handling, session store …) is patched in from here, once, after the settings
were read. Nothing is connected to and no thread is started here.
"""

import importlib
import logging
import sys
from types import ModuleType

from odoo.modules.module import get_module_path
from odoo.tools import config

from .memory import share_arenas
from .node import node_id
from .patches import PatchRefused
from .settings import SettingsError, load

_logger = logging.getLogger(__name__)

#: The siblings with a process-level part, in the order of activation: the database layer first,
#: because the others may need a connection or an answer while the database is away.
SIBLINGS = (
    "ha_failover",
    "ha_session_redis",
    "ha_attachment_s3",
    "ha_attachment_s3_direct",
    "ha_cron_leader",
    "ha_health",
    "ha_dashboard",
)


def post_load() -> None:
    """Read the settings and activate every sibling found on the addons path.

    :raises SystemExit: with one clear line, when a setting is wrong or Odoo's code isn't what a
        patch expects. Not an ``Exception``: Odoo logs those and goes on serving without the
        module, and a node that believes it is highly available, but isn't, is worse than none.
    """
    if "ha_base" not in config["server_wide_modules"]:
        _logger.warning(
            "ha_base is installed but not active on this node: add it to server_wide_modules in "
            "odoo.conf (server_wide_modules = base,rpc,web,ha_base) and restart"
        )
        return
    try:
        siblings = _siblings()
        declared = {"ha_base": importlib.import_module(".node", __package__).Settings}
        for name in siblings:
            module = _optional(f"odoo.addons.{name}.settings")
            if module is not None:
                declared[name] = module.Settings
        loaded = load(declared, _conf_section("ha"))
        share_arenas()
        active = []
        for name in siblings:
            process = _optional(f"odoo.addons.{name}.process")
            if process is not None:
                process.activate(loaded.get(name))
                active.append(name)
    except (SettingsError, PatchRefused) as error:
        _refuse(str(error))
    _logger.info("Odoo HA is active on node %s: %s", node_id(), ", ".join(active))


def _siblings() -> list[str]:
    return [name for name in SIBLINGS if get_module_path(name, display_warning=False)]


def _optional(name: str) -> ModuleType | None:
    """Import a module of a sibling that need not have one; other import errors are errors."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        package = ".".join(name.split(".")[:3])
        raise SettingsError(
            f"{package} needs the Python package {error.name!r}, which this Odoo does not have: "
            f"pip install {error.name}"
        ) from error


def _conf_section(section: str) -> dict[str, str]:
    """The section of odoo.conf as text; Odoo itself parses ``[options]`` only."""
    from configparser import Error, RawConfigParser  # noqa: PLC0415

    path = config["config"]
    parser = RawConfigParser()
    try:
        if path:
            parser.read([path])
    except Error as error:
        raise SettingsError(f"{path}: {error}") from error
    return dict(parser.items(section)) if parser.has_section(section) else {}


def _refuse(message: str) -> None:
    line = f"Odoo HA refuses to start: {message}"
    _logger.critical(line)
    # The log may go to a file; whoever starts the service must see it too.
    sys.exit(line)
