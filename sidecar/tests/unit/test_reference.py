"""The documents that describe the settings and the decider are what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from ha_sidecar.config import load
from ha_sidecar.reference import drawing, reference
from ha_sidecar.settings import DECLARED
from ha_sidecar.transitions import ROWS

PACKAGE = Path(__file__).parents[2]


def test_reference_is_drawn_from_the_code() -> None:
    drawn = reference()
    assert (PACKAGE / "REFERENCE.md").read_text() == drawn, (
        "run: python -m ha_sidecar.reference > sidecar/REFERENCE.md"
    )


def test_reference_has_every_setting_and_every_row() -> None:
    text = (PACKAGE / "REFERENCE.md").read_text()
    assert all(f"| `{name}` |" in text for name in DECLARED)
    assert all(row.reason in text for row in ROWS)


def test_drawing_has_an_arrow_for_every_row_that_moves() -> None:
    arrows = dict(re.findall(r"^    (\w+ --> \w+): (.*)$", drawing(), re.MULTILINE))
    for row in ROWS:
        for phase in set(row.phases) - {row.to}:
            label = arrows[f"{phase} --> {row.to}"].split("<br/>")
            assert {str(row.situation), row.situation.removesuffix(", unproven")} & set(label)
        if row.to in row.phases:
            assert f"{row.to} --> {row.to}" not in arrows


def test_example_loads_and_its_commented_settings_exist(tmp_path: Path) -> None:
    example = PACKAGE / "ha-sidecar.example.toml"
    load(example, {}, {})
    lines = [line.removeprefix("# ") for line in example.read_text().splitlines()]
    settings = [line for line in lines if line.split(" = ")[0] in DECLARED]
    assert set(tomllib.loads("\n".join(settings))) <= set(DECLARED)
    assert not [line for line in lines if " = " in line and line.split(" = ")[0] not in DECLARED]
