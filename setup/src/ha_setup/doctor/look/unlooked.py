"""The one error of looking."""

from __future__ import annotations


class Unlooked(Exception):
    """A part can't be looked at; the message is the reason, for people."""
