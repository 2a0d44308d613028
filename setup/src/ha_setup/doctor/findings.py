"""What a check says. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from ha_setup.doctor.seen import Observation, Unseen

Level = Literal["ok", "warn", "fail", "unknown"]
#: From harmless to grave: what could not be seen may be anything.
LEVELS: tuple[Level, ...] = ("ok", "unknown", "warn", "fail")

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """What was seen at `where` (a node, or empty for the whole cluster), and how to put it right."""

    level: Level
    seen: str
    where: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Check:
    """One question. `look` answers it from an observation, and never does anything else."""

    name: str
    question: str
    why: str
    look: Callable[[Observation], Iterable[Finding]]
    #: Whether it compares nodes: it isn't asked where only one is looked at.
    compares: bool = False


def ok(seen: str, where: str = "") -> Finding:
    return Finding("ok", seen, where)


def warn(seen: str, fix: str, where: str = "") -> Finding:
    return Finding("warn", seen, where, fix)


def fail(seen: str, fix: str, where: str = "") -> Finding:
    return Finding("fail", seen, where, fix)


def unknown(reason: str, where: str = "") -> Finding:
    return Finding("unknown", reason, where, "make it possible to look, and run the doctor again")


def split(
    seen: Observation, part: str, things: Mapping[str, T | Unseen]
) -> tuple[dict[str, T], list[Finding]]:
    """What could be looked at, and a finding for each that could not, or for the whole part."""
    if part in seen.absent:
        return {}, [unknown(seen.absent[part])]
    good = {name: thing for name, thing in things.items() if not isinstance(thing, Unseen)}
    bad = [unknown(t.reason, name) for name, t in things.items() if isinstance(t, Unseen)]
    return good, bad


def judged(check: Check, seen: Observation) -> Iterator[Finding]:
    """The findings of one check: every one that is not "ok", or else one "ok" for all of them."""
    found = list(check.look(seen)) or [unknown("there was nothing to look at")]
    bad = [each for each in found if each.level != "ok"]
    if bad:
        yield from sorted(bad, key=lambda each: -LEVELS.index(each.level))
        return
    said: dict[str, list[str]] = {}
    for each in found:
        said.setdefault(each.seen, []).append(each.where)
    yield ok(
        "; ".join(
            f"{', '.join(w for w in where if w)}: {text}" if any(where) else text
            for text, where in said.items()
        )
    )
