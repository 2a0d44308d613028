"""What Odoo's list of apps shows of an addon is what its readme says."""

from pathlib import Path

import pytest

from tests.apps_pages import page, pages, render


@pytest.mark.parametrize("addon", pages(), ids=lambda addon: addon.name)
def test_the_page_is_drawn_from_the_fragments(addon: Path) -> None:
    assert page(addon).read_text(encoding="utf-8") == render(addon), (
        f"run: python -m tests.apps_pages {addon.name}"
    )
