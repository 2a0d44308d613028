"""Errors of ha_cron_leader.

::

    CronLeaderError
     ├── LeaseLost        another node was granted the lease
     └── AlreadyRunning   the job still runs in another process of this node
"""


class CronLeaderError(Exception):
    """Root of this addon's errors."""


class LeaseLost(CronLeaderError):
    """Another node was granted the lease: what this transaction did is rolled back."""


class AlreadyRunning(CronLeaderError):
    """The job still runs in this node, though its row is no longer locked."""
