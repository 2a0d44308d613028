"""Keeps a PgBouncer on the proven primary: holds its clients meanwhile, never leaves it paused."""

from .actor import PgBouncer

__all__ = ["PgBouncer"]
