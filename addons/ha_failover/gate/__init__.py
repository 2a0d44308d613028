"""The gate before the database: new transactions wait here while there is no primary."""

from .budget import budget, remaining
from .hold import Decision, decide

__all__ = ["Decision", "budget", "decide", "remaining"]
