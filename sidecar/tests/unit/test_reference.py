"""The documents that describe the settings and the decider are what the code says."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ha_sidecar.config import load
from ha_sidecar.reference import reference
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


def test_example_loads_and_its_commented_settings_exist(tmp_path: Path) -> None:
    example = PACKAGE / "ha-sidecar.example.toml"
    load(example, {}, {})
    lines = [line.removeprefix("# ") for line in example.read_text().splitlines()]
    settings = [line for line in lines if line.split(" = ")[0] in DECLARED]
    assert set(tomllib.loads("\n".join(settings))) <= set(DECLARED)
    assert not [line for line in lines if " = " in line and line.split(" = ")[0] not in DECLARED]
