"""Marks every test with its layer, by the directory it stands in."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
LAYERS = {
    "tests/unit": "unit",
    "sidecar/tests": "unit",
    "setup/tests": "unit",
    "tests/lint": "unit",
    "tests/integration": "integration",
    "tests/e2e": "e2e",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for directory, layer in LAYERS.items():
            if item.path.is_relative_to(ROOT / directory):
                item.add_marker(layer)
