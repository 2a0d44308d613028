"""Is this node's Odoo well, and may it get requests? A pure decision.

========  =======================  ======  ================
switch    Odoo's last answer       health  agent check
========  =======================  ======  ================
maint     any                      fail    maint
drain     any                      fail    drain
off       none, or too old         fail    down
off       fail                     fail    down
off       warn: requests wait      warn    up ready 100%
off       pass                     pass    up ready, weight
========  =======================  ======  ================

The weight is the part of the workers that are free, but never 0 %: that would drain the server, and
when all are busy everywhere nobody would be left.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: Per cent; a weight of 100 in HAProxy's server line makes every one of them count.
LEAST_WEIGHT = 1


class Switch(StrEnum):
    """What people want of this node: the word in the drain file."""

    OFF = "off"
    DRAIN = "drain"
    MAINT = "maint"


@dataclass(frozen=True)
class Answer:
    """What Odoo said of itself. ``asked_at`` is of the monotonic clock: it was true after that."""

    asked_at: float
    status: str
    free: int | None = None
    workers: int | None = None
    ready_once: bool = False


@dataclass(frozen=True)
class Verdict:
    """``agent`` is the line for HAProxy's agent check; ``reason`` is for who may see details."""

    status: str
    agent: str
    reason: str


def read_switch(text: str | None) -> Switch:
    """Return what the drain file's text says; None is no file. Any other text drains."""
    if text is None:
        return Switch.OFF
    return Switch.MAINT if text.strip() == Switch.MAINT else Switch.DRAIN


def judge(switch: Switch, answer: Answer | None, now: float, max_age: float) -> Verdict:
    """See the module's table. ``max_age`` is in seconds."""
    if switch is not Switch.OFF:
        return Verdict("fail", switch, "the node is being drained")
    if answer is None:
        return Verdict("fail", "down", "Odoo has not answered yet")
    age = now - answer.asked_at
    if age > max_age:
        return Verdict("fail", "down", f"Odoo's last answer is {age:.1f} s old")
    if answer.status == "warn":
        return Verdict("warn", "up ready 100%", "requests wait for the database")
    if answer.status != "pass":
        return Verdict("fail", "down", "Odoo says that it can't serve")
    return Verdict("pass", f"up ready {weight(answer)}%", "Odoo serves")


def weight(answer: Answer) -> int:
    """Return the per cent of its requests that the node should get."""
    if answer.free is None or not answer.workers:
        return 100
    return max(LEAST_WEIGHT, min(100, round(100 * answer.free / answer.workers)))
