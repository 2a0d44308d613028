"""What this process saw of its session store, for those who show or judge it."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Counters:
    """Since the process began. Approximate: they are counted without a lock."""

    #: Sessions found in Redis, and not found.
    hits: int = 0
    misses: int = 0
    #: Operations that Redis answered, the seconds they took, the attempts that failed.
    operations: int = 0
    seconds: float = 0.0
    errors: int = 0
    #: Sessions read from, and documents and ends written to PostgreSQL while Redis was away.
    fallback_reads: int = 0
    fallback_writes: int = 0
    #: Sessions that Redis took over from PostgreSQL or from files.
    adopted: int = 0

    def answered(self, seconds: float) -> None:
        """Redis answered one operation."""
        self.operations += 1
        self.seconds += seconds


counters = Counters()


def session_store() -> dict[str, Any]:
    """The counters, and ``state``: closed, waiting, open (PostgreSQL instead), returning or none."""
    from odoo import http  # noqa: PLC0415

    connection = getattr(http.root.session_store, "connection", None)
    state = "none" if connection is None else connection.breaker.state.name.lower()
    return {"state": state, **asdict(counters)}
