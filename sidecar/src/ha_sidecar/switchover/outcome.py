"""How a switchover ended, for people and for scripts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from ..errors import NotSwitched


class Outcome(Enum):
    """Each with the command's exit code."""

    SWITCHED = ("switched", 0)
    #: Found unfit before anything was held.
    REFUSED = ("refused", 1)
    #: Given up while new transactions were held; Patroni wasn't asked, or it refused.
    ABORTED = ("aborted", 2)
    #: Patroni was asked, and no new primary was proven in time.
    UNKNOWN = ("unknown", 3)
    INTERRUPTED = ("interrupted", 130)

    def __init__(self, word: str, exit_code: int) -> None:
        self.word = word
        self.exit_code = exit_code


@dataclass(frozen=True)
class Report:
    """``reasons``: one line each, empty when it switched. ``held_s``: from the hold's first to
    its last moment, None when nothing was held. Times are seconds."""

    outcome: Outcome
    scope: str
    old: str | None = None
    new: str | None = None
    timeline: int | None = None
    held_s: float | None = None
    reasons: Sequence[str] = ()

    def for_scripts(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        data = asdict(self)
        data["outcome"] = self.outcome.word
        data["from"], data["to"] = data.pop("old"), data.pop("new")
        return data


class Stopped(NotSwitched):
    """It goes no further; ``reasons`` are lines for people."""

    def __init__(self, outcome: Outcome, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.outcome = outcome
        self.reasons = reasons
