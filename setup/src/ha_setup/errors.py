"""Errors of the setup package.

SetupError
├── PartsError        something that the cluster needs is missing and could not be installed
├── PreflightError    something on this machine stands in the way; the message lists all of it
└── ClusterError      a node did not start, did not become healthy or did not stop
"""

from __future__ import annotations


class SetupError(Exception):
    """Root: a message for people that says what is wrong and what to do about it."""


class PartsError(SetupError):
    """A part is missing, unusable or could not be installed."""


class PreflightError(SetupError):
    """This machine cannot take the cluster as it is."""


class ClusterError(SetupError):
    """A node of the cluster failed to start, to become healthy or to stop."""
