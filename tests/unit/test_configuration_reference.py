"""Every setting is documented, as it is declared."""

from tests.configuration_reference import ADDONS, PAGE, REPOSITORY, render


def test_the_page_is_what_the_declarations_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), (
        "run: python -m tests.configuration_reference"
    )


def test_no_addon_with_settings_is_left_out() -> None:
    declaring = {path.parent.name for path in (REPOSITORY / "addons").glob("ha_*/settings.py")}
    assert declaring | {"ha_base"} == set(ADDONS)
