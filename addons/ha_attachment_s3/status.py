"""What this process saw of its S3 services, for those who show or judge it. Asks nobody."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Counters:
    """Since the process began. Approximate: they are counted without a lock."""

    #: Operations that were answered, and the seconds they took.
    operations: int = 0
    seconds: float = 0.0
    #: Operations that failed: refused for more than a missing object, or not answered.
    errors: int = 0
    #: Operations that were not sent, because the service is away.
    unsent: int = 0
    #: Services (the bucket's, the replica's) that are away now.
    away: int = 0


counters = Counters()


def object_store() -> dict[str, Any]:
    """The counters, by name."""
    return asdict(counters)
