"""What a rollout knows, sees and does, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ha_setup.rollout.steps import Step


class Version(StrEnum):
    """What runs on a node. Half: its command was begun, and did not end well."""

    OLD = "old"
    HALF = "half"
    NEW = "new"


class Outcome(StrEnum):
    """How it stands with the whole."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Plan:
    """What the decisions need of the rollout's file. Times in seconds.

    `settle`: so long health must have said "drained" before a node is stopped: longer than the balancers
    take to notice. `migrates`: there is a command that changes the schema. `can_undo`: there is one that
    brings the old version back.
    """

    settle: float
    idle_limit: float
    start_limit: float
    spare_limit: float
    migrates: bool = False
    can_undo: bool = False


@dataclass(frozen=True)
class Look:
    """One node as its health tells. `busy`: requests under way; None when it does not tell."""

    live: bool = False
    started: bool = False
    ready: bool = False
    draining: bool | None = None
    busy: int | None = None


@dataclass(frozen=True)
class Looked:
    """All nodes were looked at."""

    nodes: Mapping[str, Look]


@dataclass(frozen=True)
class Ended:
    """The last action ended; `words` say what went wrong."""

    well: bool
    words: str = ""


@dataclass(frozen=True)
class Interrupted:
    """Somebody wants it to end."""


Observation = Looked | Ended | Interrupted


@dataclass(frozen=True)
class Run:
    """Run the command of that name for the node, to its end."""

    node: str
    command: str


@dataclass(frozen=True)
class Fetch:
    """Fetch the node's pages and assets."""

    node: str


@dataclass(frozen=True)
class Say:
    """A line for people."""

    text: str


Action = Run | Fetch | Say


@dataclass(frozen=True)
class State:
    """`versions` is in the order of the rollout. `node` is the one at hand, `step` its step, begun at `since`
    (seconds of the wall clock, as it must outlive the process). `goal`: the version that all nodes shall
    have; `here`: the one that the node at hand shall, which is OLD when it is brought back. `ending`: the
    rollout ends with this node, with that outcome. `quiet_since`: since when the node has been idle."""

    versions: Mapping[str, Version]
    goal: Version = Version.NEW
    node: str | None = None
    step: Step = Step.WAITING
    here: Version = Version.NEW
    since: float = 0.0
    quiet_since: float | None = None
    migrated: bool = False
    ending: Outcome | None = None
    outcome: Outcome = Outcome.RUNNING
    reason: str = ""

    @property
    def left(self) -> list[str]:
        """Nodes that have not got there; when undoing, the last one first."""
        names = [name for name, version in self.versions.items() if version is not self.goal]
        return names if self.goal is Version.NEW else names[::-1]
