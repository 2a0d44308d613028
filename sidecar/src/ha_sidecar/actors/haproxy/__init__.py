"""Keeps the PostgreSQL backend of an HAProxy on the proven primary, through its runtime API."""

from .actor import HaproxyActor

__all__ = ["HaproxyActor"]
