"""What the doctor says: a table for people, JSON for machines, an exit code. Pure but for printing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ha_setup.doctor.checks import CHECKS
from ha_setup.doctor.findings import LEVELS, Check, Finding, Level, judged
from ha_setup.doctor.seen import Observation, Unseen

COLORS: dict[Level, str] = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "magenta"}
GREEN, FINDINGS, BLIND = 0, 1, 2


@dataclass(frozen=True)
class Answer:
    """One question with its findings; the worst of them first."""

    check: Check
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        return max((f.level for f in self.findings), key=LEVELS.index)


def answers(seen: Observation) -> list[Answer]:
    """Every check of the table, but for those that compare nodes where one was looked at."""
    return [
        Answer(check, tuple(judged(check, seen)))
        for check in CHECKS
        if not (check.compares and seen.one_node)
    ]


def exit_code(found: Iterable[Answer], seen: Observation) -> int:
    """0: all is well. 1: something isn't, or could not be seen. 2: nothing at all could be looked at."""
    parts = (seen.odoo, seen.postgresql, seen.patroni, seen.redis, seen.sentinels)
    looked = [thing for part in parts for thing in part.values()]
    if all(isinstance(thing, Unseen) for thing in looked):
        return BLIND
    return GREEN if all(answer.level == "ok" for answer in found) else FINDINGS


def to_json(found: Iterable[Answer], title: str, code: int) -> str:
    return json.dumps(
        {
            "cluster": title,
            "exit_code": code,
            "checks": [
                {
                    "name": answer.check.name,
                    "question": answer.check.question,
                    "why": answer.check.why,
                    "level": answer.level,
                    "findings": [asdict(finding) for finding in answer.findings],
                }
                for answer in found
            ],
        },
        indent=1,
    )


def show(found: list[Answer], title: str, seen: Observation, console: Console) -> None:
    """A line for each check, and below it what is wrong, why that matters and what to do."""
    table = Table("check", "", "seen", title=title, title_justify="left", expand=False)
    for answer in found:
        color = COLORS[answer.level]
        table.add_row(
            answer.check.name,
            f"[{color}]{answer.level}[/]",
            "\n".join(escape(_line(finding)) for finding in answer.findings),
        )
    console.print(table)
    for answer in found:
        if answer.level == "ok":
            continue
        color = COLORS[answer.level]
        console.print(f"\n[bold {color}]{answer.check.name}[/]: {escape(answer.check.question)}")
        console.print(f"  why: {escape(answer.check.why)}", highlight=False, soft_wrap=True)
        for fix in dict.fromkeys(f"{finding.fix}" for finding in answer.findings if finding.fix):
            console.print(f"  fix: {escape(fix)}", highlight=False, soft_wrap=True)
    if seen.one_node:
        left = ", ".join(check.name for check in CHECKS if check.compares)
        console.print(f"\nnot asked of one node: {left}, and the balancers", highlight=False)
    counted = {level: sum(a.level == level for a in found) for level in reversed(LEVELS)}
    said = ", ".join(f"{number} {level}" for level, number in counted.items() if number)
    console.print(f"\n{len(found)} checks: {said}", highlight=False)


def _line(finding: Finding) -> str:
    return f"{finding.where}: {finding.seen}" if finding.where else finding.seen
