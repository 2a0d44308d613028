"""A benchmark's outcome: a table for people, JSON for machines."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value with at least ``share`` of all values at or below it."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of one shape, as a Markdown table."""
    names = list(rows[0])
    cells = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def conclude(name: str, rows: Sequence[Mapping[str, Any]], goals: Mapping[str, bool]) -> int:
    """Print the table and the goals; write JSON where ``--json FILE`` says. Return the exit code."""
    print(f"\n{table(rows)}\n")
    for goal, reached in goals.items():
        print(f"{'reached' if reached else 'MISSED '}  {goal}")
    if "--json" in sys.argv:
        outcome = {"benchmark": name, "rows": rows, "goals": goals}
        Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(outcome, indent=1))
    return 0 if all(goals.values()) else 1
