"""The load's plan, made before the first request: open loop, seeded, the same for each variant. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a user does."""

    READ = "read"
    WRITE = "write"
    PAGE = "page"
    ATTACHMENT_WRITE = "attachment-write"
    ATTACHMENT_READ = "attachment-read"

    @property
    def writes(self) -> bool:
        return self in (Action.WRITE, Action.ATTACHMENT_WRITE)


# Of twenty requests: eight reads, six writes, four pages, one attachment written, one read.
_MIX = (
    *(Action.READ,) * 8,
    *(Action.WRITE,) * 6,
    *(Action.PAGE,) * 4,
    Action.ATTACHMENT_WRITE,
    Action.ATTACHMENT_READ,
)
# The same with three files written and three read, where it is S3 that ails.
_FILE_MIX = (
    *(Action.READ,) * 6,
    *(Action.WRITE,) * 4,
    *(Action.PAGE,) * 4,
    *(Action.ATTACHMENT_WRITE,) * 3,
    *(Action.ATTACHMENT_READ,) * 3,
)


@dataclass(frozen=True)
class Planned:
    """A request that will start `at` seconds after the load's start, whatever happens to the others.

    `token` is unique over all runs for a write, empty for everything else.
    """

    number: int
    at: float
    user: int
    action: Action
    token: str = ""


def plan(
    *, seed: int, run: str, rate: float, seconds: float, users: int, files: bool = False
) -> Sequence[Planned]:
    """Requests at `rate` a second for `seconds`, in order of time.

    Starts are spread evenly and then moved by up to 40 % of the spacing, so that they neither beat in step
    with a poll nor come in bursts. Each block of twenty holds the same mix, shuffled; users take turns.
    `run` goes into each token. `files`: more of them.
    """
    if rate <= 0 or seconds <= 0 or users < 1:
        raise ValueError("a plan needs a rate and a length above 0 and at least one user")
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    spacing = 1 / rate
    planned = []
    block: list[Action] = []
    for number in range(int(seconds * rate)):
        if not block:
            block = list(_FILE_MIX if files else _MIX)
            chance.shuffle(block)
        action = block.pop()
        at = (number + 0.5 + chance.uniform(-0.4, 0.4)) * spacing
        token = f"{run}-{number:05d}" if action.writes else ""
        planned.append(Planned(number, at, number % users, action, token))
    return planned
