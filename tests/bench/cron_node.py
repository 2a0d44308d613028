"""A node that keeps leases and runs no jobs, for the benchmark: ``cron_node.py ODOO_CONF NAME LEASE``.

The suite's own keeper in a process of its own, as a cron process has it, without the rest of the
server: so that hundreds of starts are cheap. SIGTERM does what a server does first when it stops.
"""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType


def main(configuration: str, name: str, lease: str) -> None:
    from odoo.modules.module import initialize_sys_path
    from odoo.tools import config

    config.parse_config(["-c", configuration])
    initialize_sys_path()
    logging.getLogger("odoo.addons.ha_cron_leader").setLevel(logging.INFO)
    from odoo.addons.ha_base import node
    from odoo.addons.ha_base.settings import load
    from odoo.addons.ha_cron_leader import process, settings

    loaded = load(
        {"ha_base": node.Settings, "ha_cron_leader": settings.Settings},
        {"node_id": name, "cron_lease": lease},
    )
    process.activate(loaded["ha_cron_leader"])

    def drain(_number: int, _frame: FrameType | None) -> None:
        process.leave()
        sys.exit()

    signal.signal(signal.SIGTERM, drain)
    process.keeper()
    while True:
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
