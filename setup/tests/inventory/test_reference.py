"""The page is what the declarations say, and they are true."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from ha_setup.inventory.loading import section_of
from ha_setup.inventory.model import Inventory
from ha_setup.inventory.reference import reference

PAGE = Path(__file__).resolve().parents[3] / "docs" / "inventory.md"


def sections() -> list[type[BaseModel]]:
    found = (section_of(each.annotation) for each in Inventory.model_fields.values())
    return [Inventory, *(each for each in found if each is not None)]


def test_the_page_is_drawn_from_the_declarations() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m ha_setup.inventory.reference > docs/inventory.md"
    )


def test_every_setting_is_described() -> None:
    for section in sections():
        for name, declared in section.model_fields.items():
            assert declared.description or section_of(declared.annotation), name
            assert f"| `{name}` |" in reference()


def test_a_default_with_an_example_is_that_example() -> None:
    """The page shows a duration's or a size's example as its default."""
    for section in sections():
        for name, declared in section.model_fields.items():
            if isinstance(declared.default, (int, float)) and declared.examples:
                validate = declared.metadata[0].func
                assert validate(declared.examples[0]) == declared.default, name
