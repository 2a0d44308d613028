"""Did a connection made through a pooler reach the proven primary? The judgement is pure.

The pooler chooses the server, so the topology's word isn't enough. What makes one proof good for
all later transactions of the connection, also where the pooler gives each of them another link to
a server: the sidecar repoints the pooler only to servers on higher timelines, and a link to a
server that the pooler no longer points to isn't used for a new transaction. Each transaction that
writes proves its timeline once more with its marker.
"""

from dataclasses import dataclass
from typing import Any

from ..topology.document import Server

#: The current WAL file's name: its first 8 hexadecimal digits are the timeline.
WAL_FILE = "pg_walfile_name(pg_current_wal_lsn())"
QUESTION = f"""
    SELECT CASE WHEN NOT pg_is_in_recovery() THEN {WAL_FILE} END,
           (SELECT system_identifier::text FROM pg_control_system()),
           pg_backend_pid()
"""


@dataclass(frozen=True)
class Reached:
    """The server behind a connection. ``timeline`` None: it is in recovery."""

    timeline: int | None
    system_identifier: str
    pid: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Reached":
        wal_file, identifier, pid = row
        return cls(timeline_of(wal_file) if wal_file else None, identifier, pid)


def timeline_of(wal_file: str) -> int:
    """The timeline that a WAL file's name tells."""
    return int(wal_file[:8], 16)


def objection(reached: Reached, wanted: Server | None) -> str | None:
    """Why the connection is of no use; None when it reached ``wanted``, or, where no sidecar
    tells which that is, any primary."""
    if reached.timeline is None:
        return "the pooler's server is in recovery"
    if wanted is None:
        return None
    if wanted.system_identifier and reached.system_identifier != wanted.system_identifier:
        return (
            f"the pooler's server belongs to another cluster ({reached.system_identifier}, "
            f"not {wanted.system_identifier})"
        )
    if reached.timeline != wanted.timeline:
        return f"the pooler's server is on timeline {reached.timeline}, not {wanted.timeline}"
    return None
