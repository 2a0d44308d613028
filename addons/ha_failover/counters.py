"""What this process did about outages, counted for those who show it. Pure."""

from dataclasses import dataclass


@dataclass
class Counters:
    """Since the process began. Approximate: they are counted without a lock."""

    #: Requests that waited for a database, and the seconds they did.
    held: int = 0
    held_seconds: float = 0.0
    #: Requests and other work run again because their connection was lost.
    replayed: int = 0
    #: COMMITs without an answer whose outcome was found out.
    resolved: int = 0
    #: Requests that got an error for good because of an outage.
    unanswered: int = 0


counters = Counters()
