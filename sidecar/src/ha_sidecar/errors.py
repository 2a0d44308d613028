"""Everything the sidecar raises on purpose.

SidecarError
├── ConfigError       a setting is missing or wrong; the text names it and the remedy
├── StateError        the remembered state can't be read or is in use by another sidecar
├── SourceError       etcd or Patroni's REST API gave no usable answer
│   ├── Compacted     the watched revision is gone; read everything again
│   ├── WatchIdle     the watch was silent for too long; read everything again
│   ├── Forbidden     the user may not do that
│   └── NotFound      there is no such thing (any more)
├── ProbeError        a PostgreSQL server gave no answer in time, or refused
├── NotSwitched       a switchover was refused, given up, or its end isn't known
├── ActorError        a balancer or pooler could not be asked, or refused
├── ThreadDied        a thread ended by a defect; the process ends, to be started anew
└── InvariantBroken   the decider was about to break its own rules (a defect)
"""

from __future__ import annotations


class SidecarError(Exception):
    """Root of this package's errors."""


class ConfigError(SidecarError):
    """A setting is missing or wrong."""


class StateError(SidecarError):
    """The remembered state can't be used."""


class SourceError(SidecarError):
    """A source of election news gave no usable answer."""


class Compacted(SourceError):
    """etcd no longer has the revision the watch was to start from."""


class WatchIdle(SourceError):
    """The watch was silent for longer than silence is trusted."""


class Forbidden(SourceError):
    """The user lacks the right."""


class NotFound(SourceError):
    """There is no such thing (any more)."""


class ProbeError(SidecarError):
    """A PostgreSQL server could not be asked."""


class NotSwitched(SidecarError):
    """A switchover was refused or given up, or its end isn't known; ``switchover`` says which."""


class ActorError(SidecarError):
    """A server that an actor works on could not be asked, or refused."""


class ThreadDied(SidecarError):
    """A thread ended by a defect."""


class InvariantBroken(SidecarError):
    """A decision would have broken an invariant; nothing was published."""
