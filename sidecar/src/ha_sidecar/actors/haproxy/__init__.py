"""Keeps the PostgreSQL backend of an HAProxy on the proven primary, through its runtime API."""

from .actor import Address, HaproxyActor, servers_at
from .servers import refuse_unchecked

__all__ = ["Address", "HaproxyActor", "refuse_unchecked", "servers_at"]
