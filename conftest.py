"""Marks every test with its layer, by the directory it stands in."""

from __future__ import annotations

import pytest

LAYERS = ("integration", "e2e")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A directory named after a layer makes its tests part of it; the others are unit tests."""
    for item in items:
        directories = item.path.relative_to(config.rootpath).parts
        item.add_marker(next((layer for layer in LAYERS if layer in directories), "unit"))
