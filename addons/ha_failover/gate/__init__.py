"""The gate before the database: new transactions wait here while there is no primary."""

from .budget import budget, remaining

__all__ = ["budget", "remaining"]
