"""What is done to one node, step by step, and where each step leads. Pure.

=========  =================================  =========  ===============  =======================
step       what it is                         then       when it fails    when told to end (^C)
=========  =================================  =========  ===============  =======================
drain      command `drain`                    idle       bring it back    bring it back
idle       no request for `settle`            stop       bring it back    bring it back
stop       command `stop`                     change     start it again   start it again
change     command `upgrade` (or `undo`)      migrate    undo, or leave   as it ends
migrate    command `migrate`, the first time  start      leave it         go on
start      command `start`                    startup    undo, or leave   go on
startup    Odoo has been ready once           warm       undo, or leave   go on
warm       the pages and their assets         undrain    undo, or leave   go on
undrain    command `undrain`                  ready      undo, or leave   go on
ready      health says pass                   done       undo, or leave   go on
=========  =================================  =========  ===============  =======================

"Bring it back": the node was not changed; it goes on at `undrain`. "Undo": where there is a command `undo`
and the database was not migrated, the node gets its old version back; else it is left drained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """Where a node is in its rollout."""

    WAITING = "waiting"
    DRAIN = "drain"
    IDLE = "idle"
    STOP = "stop"
    CHANGE = "change"
    MIGRATE = "migrate"
    START = "start"
    STARTUP = "startup"
    WARM = "warm"
    UNDRAIN = "undrain"
    READY = "ready"
    DONE = "done"


@dataclass(frozen=True)
class Rule:
    """One row of the table. `unchanged`: where a node goes on that must be brought back as it was; None
    where its version may be another by now."""

    about: str
    then: Step
    unchanged: Step | None = None
    is_command: bool = False


RULES: Mapping[Step, Rule] = {
    Step.DRAIN: Rule("no new requests", Step.IDLE, Step.UNDRAIN, is_command=True),
    Step.IDLE: Rule("its requests end", Step.STOP, Step.UNDRAIN),
    Step.STOP: Rule("Odoo stops", Step.CHANGE, Step.START, is_command=True),
    Step.CHANGE: Rule("its version changes", Step.MIGRATE, is_command=True),
    Step.MIGRATE: Rule("the database's schema changes", Step.START, is_command=True),
    Step.START: Rule("Odoo starts", Step.STARTUP, is_command=True),
    Step.STARTUP: Rule("Odoo gets ready", Step.WARM),
    Step.WARM: Rule("pages and assets are fetched once", Step.UNDRAIN),
    Step.UNDRAIN: Rule("it may have requests", Step.READY, is_command=True),
    Step.READY: Rule("it says that it is ready", Step.DONE),
}
