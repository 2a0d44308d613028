"""What was ordered, what it comes to, and the request to Patroni."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..cluster import Primary, Target
from ..errors import ConfigError, SourceError
from ..patroni_rest import Login, PatroniRest


@dataclass(frozen=True)
class Order:
    candidate: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Plan:
    """What the preflight found fit. ``old`` is proven, on the timeline to be left."""

    old: Primary
    old_api: str
    new: Target
    may_checkpoint: bool


class Request(threading.Thread):
    """The request to Patroni, which answers only when all is done or has failed."""

    def __init__(self, rest: PatroniRest, plan: Plan, login: Login | None, limit: float) -> None:
        super().__init__(name="patroni", daemon=True)
        self._ask: Callable[[], tuple[int, str]] = partial(
            rest.ask_switchover,
            plan.old_api,
            leader=plan.old.name,
            candidate=plan.new.name,
            login=login,
            timeout=limit,
        )
        #: Why nothing came of it, by Patroni; None as long as it says nothing, or all is well.
        self.refusal: str | None = None

    def run(self) -> None:
        try:
            status, text = self._ask()
        except (SourceError, ConfigError) as error:
            self.refusal = str(error)
        else:
            if status not in {200, 202}:
                self.refusal = f"Patroni answers {status}: {text}"
