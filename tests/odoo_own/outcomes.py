"""Outcomes of tests by id, read from JUnit XML, and how two runs of them differ. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

#: Test id → passed, failed, error or skipped.
Outcomes = Mapping[str, str]

_MARKS = {"failure": "failed", "error": "error", "skipped": "skipped"}


def parse(junit: str) -> dict[str, str]:
    """Return the outcome of each test; the worst one where a test has several (subtests)."""
    found: dict[str, str] = {}
    for case in ElementTree.fromstring(junit).iter("testcase"):  # noqa: S314 pytest wrote it
        name = f"{case.get('classname')}.{case.get('name')}"
        marks = [_MARKS[child.tag] for child in case if child.tag in _MARKS]
        found[name] = max([found.get(name, "passed"), *(marks or ["passed"])], key=_badness)
    return found


def _badness(outcome: str) -> int:
    return ["passed", "skipped", "failed", "error"].index(outcome)


def renamed(outcomes: Outcomes, classes: Mapping[str, str]) -> dict[str, str]:
    """The outcomes under other names: ``classes`` has the name of a class of tests, without its module,
    and the full name of the class that it stands for."""
    found = {}
    for name, outcome in outcomes.items():
        rest, _, test = name.rpartition(".")
        ours = rest.rpartition(".")[2]
        found[f"{classes[ours]}.{test}" if ours in classes else name] = outcome
    return found


@dataclass(frozen=True)
class Difference:
    """A test that ended differently; ``absent`` where a run doesn't have it."""

    test: str
    without: str
    with_suite: str

    def __str__(self) -> str:
        return f"{self.test}: {self.without} without the suite, {self.with_suite} with it"


def differences(without: Outcomes, with_suite: Outcomes) -> list[Difference]:
    """Every test whose outcome isn't the same in both runs."""
    pairs = (
        Difference(test, without.get(test, "absent"), with_suite.get(test, "absent"))
        for test in sorted({*without, *with_suite})
    )
    return [pair for pair in pairs if pair.without != pair.with_suite]


def summary(outcomes: Outcomes) -> str:
    """``12 passed, 1 skipped``: how often each outcome occurred."""
    counts = Counter(outcomes.values())
    order = ("passed", "failed", "error", "skipped")
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in order if counts[outcome])
