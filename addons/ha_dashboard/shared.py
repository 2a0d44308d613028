"""Nameless files that all processes of a node share.

The master makes them before the fork; the gevent process, which is started anew, finds them through
the master.
"""

import os


def shared_file(name: str, size: int, evented: bool) -> int:
    """The descriptor of the node's file ``name``, made here or found."""
    variable = f"HA_DASHBOARD_{name.upper()}"
    if evented and variable in os.environ:
        return os.open(os.environ[variable], os.O_RDWR | os.O_CLOEXEC)
    descriptor = os.memfd_create(f"ha_dashboard.{name}")
    os.truncate(descriptor, size)
    os.environ[variable] = f"/proc/{os.getpid()}/fd/{descriptor}"
    return descriptor


def own_way_to(descriptor: int) -> str:
    """What to open for a lock: one on the inherited description would be everybody's."""
    return f"/proc/self/fd/{descriptor}"
