"""Draws REFERENCE.md from the settings and the transition table: ``python -m ha_sidecar.reference``.

A test compares the file with what is drawn, so that it can't drift from the code.
"""

from __future__ import annotations

import sys
from dataclasses import MISSING
from pathlib import Path

from .config import PREFIX
from .settings import DECLARED
from .transitions import ROWS, Keep, Phase

_HEAD = f"""# ha-sidecar: reference

Drawn by `python -m ha_sidecar.reference > sidecar/REFERENCE.md`; don't edit it by hand.

## Settings

Each one is taken from the first of: the command line (`--probe-interval 0.2`), the environment
(`{PREFIX}PROBE_INTERVAL=0.2`), the TOML file, the default. Durations are seconds, or texts
such as `"500ms"`, `"2s"`, `"1m"`. Lists are TOML lists, or separated by commas.

| Setting | Default | What it is |
|---|---|---|
"""

_DRAWING = """
## What is published when

The `state` in the topology document, and what moves it. In `stable` a primary is named, in `lost`
none is; in `switching` it is the old one, as long as that proves itself.

"""

_TABLE = """
In each round the sidecar looks at the election and at the latest probe, sums that up as one
situation, and takes the one row for it. *Primary* is what becomes of the published one: it is
kept, replaced by the one that was just proven (the same one again, mostly), or none is published.

| Situation | From | To | Primary | Why |
|---|---|---|---|---|
"""


def reference() -> str:
    """Return the whole page."""
    settings = "".join(
        f"| `{name}` | {_default(name)} | {declared.metadata['about']} |\n"
        for name, declared in DECLARED.items()
    )
    rows = "".join(
        f"| {row.situation} | {_phases(row.phases)} | {row.to} | {_primary(row.primary)}"
        f" | {row.reason} |\n"
        for row in ROWS
    )
    return _HEAD + settings + _DRAWING + drawing() + _TABLE + rows


def drawing() -> str:
    """Return the transition table as a Mermaid diagram, without what leaves a phase as it is."""
    arrows: dict[tuple[Phase, Phase], list[str]] = {}
    for row in ROWS:
        for phase in row.phases:
            if phase is not row.to:
                arrows.setdefault((phase, row.to), []).append(row.situation)
    lines = [
        f"    {phase} --> {to}: {'<br/>'.join(_without_twins(situations))}"
        for (phase, to), situations in sorted(arrows.items())
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> lost", *lines, "```", ""])


def _without_twins(situations: list[str]) -> list[str]:
    """Leave out "…, unproven" where the same without it goes the same way."""
    return [each for each in situations if each.removesuffix(", unproven") not in situations
            or not each.endswith(", unproven")]  # fmt: skip


def _default(name: str) -> str:
    declared = DECLARED[name]
    value, example = declared.default, declared.metadata["example"]
    if value is MISSING:
        return f"required, e.g. `{example}`"
    if value is None or value == ():
        return "none" + (f", e.g. `{example}`" if example else "")
    if isinstance(value, (int, float)):
        return f"`{example}`" if example else f"`{value:g}`"
    return f"`{value}`" if isinstance(value, Path) else f'`"{value}"`'


def _phases(phases: tuple[Phase, ...]) -> str:
    return "any" if set(phases) == set(Phase) else ", ".join(phases)


def _primary(keep: Keep) -> str:
    return {Keep.KEEP: "kept", Keep.ADOPT: "the proven one", Keep.DROP: "none"}[keep]


if __name__ == "__main__":
    sys.stdout.write(reference())
