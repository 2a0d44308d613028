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

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: Per cent; a weight of 100 in HAProxy's server line makes every one of them count.
LEAST_WEIGHT = 1


class Switch(StrEnum):
    """What people want of this node: the word in the drain file."""

    OFF = "off"
    DRAIN = "drain"
    MAINT = "maint"


@dataclass(frozen=True)
class Facts:
    """What Odoo's health details tell of the node; None where they don't. ``node`` is its name,
    ``cron_leads`` counts the leases it holds, ``cron_unserved`` pools of jobs that no node serves."""

    node: str | None = None
    redis: bool | None = None
    s3: bool | None = None
    cron_leads: int | None = None
    cron_unserved: int | None = None


NO_FACTS = Facts()


@dataclass(frozen=True)
class Answer:
    """What Odoo said of itself. ``asked_at`` is of the monotonic clock: it was true after that."""

    asked_at: float
    status: str
    free: int | None = None
    workers: int | None = None
    ready_once: bool = False
    facts: Facts = NO_FACTS


@dataclass(frozen=True)
class Verdict:
    """``agent`` is the line for HAProxy's agent check; ``reason`` is for who may see details."""

    status: str
    agent: str
    reason: str


def facts_from(body: Mapping[str, Any]) -> Facts:
    """Read them from the body of ``/web/health``."""
    checks = body.get("checks")
    name = body.get("serviceId")
    found = {
        field: _observed(checks, check)
        for field, check in (
            ("redis", "redis:answers"),
            ("s3", "s3:answers"),
            ("cron_leads", "cron:leads"),
            ("cron_unserved", "cron:unserved"),
        )
    }
    return Facts(node=name if isinstance(name, str) else None, **found)


def count_of(body: Mapping[str, Any], check: str) -> int | None:
    """The number that one of its checks observed."""
    found = _observed(body.get("checks"), check)
    return found if isinstance(found, int) else None


def _observed(checks: Any, name: str) -> Any:
    try:
        found = checks[name][0]["observedValue"]
    except (KeyError, IndexError, TypeError):
        return None
    return found if isinstance(found, (bool, int)) else None


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
