"""ODOO_SOURCE: each form is found, and what is not an Odoo 19 is refused with the remedy."""

from pathlib import Path

import pytest

from ha_setup.errors import PartsError
from ha_setup.parts.odoo_source import find_odoo, from_environment, python_path


def make_package(parent: Path, version: str = "(19, 0, 0, FINAL, 0, '')") -> None:
    (parent / "odoo" / "addons" / "base").mkdir(parents=True)
    (parent / "odoo" / "release.py").write_text(f"version_info = {version}\n")


def make_script(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/usr/bin/python3\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    make_package(tmp_path)
    make_script(tmp_path / "odoo-bin")
    return tmp_path


def test_a_checkout(checkout: Path) -> None:
    found = find_odoo(checkout)
    assert found.script == checkout / "odoo-bin"
    assert python_path(found, checkout / "own") == checkout


def test_an_extracted_package_root(tmp_path: Path) -> None:
    packages = tmp_path / "usr/lib/python3/dist-packages"
    make_package(packages)
    make_script(tmp_path / "usr/bin/odoo")
    assert find_odoo(tmp_path).package == packages / "odoo"
    assert find_odoo(tmp_path / "usr").package == packages / "odoo"


def test_packages_beside_an_installed_odoo_do_not_hide_the_environment_s(tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3/dist-packages"
    make_package(packages)
    make_script(tmp_path / "bin/odoo")
    (packages / "requests").mkdir()
    (packages / "requests" / "__init__.py").touch()
    own = tmp_path / "own"
    assert python_path(find_odoo(tmp_path), own) == own
    assert [p.name for p in own.iterdir()] == ["odoo"]
    assert (own / "odoo" / "release.py").is_file()


@pytest.mark.parametrize(
    "version", ["(18, 0, 0, FINAL, 0, '')", "('saas~19', 1, 0, FINAL, 0, '')", "(19, 1, 0)"]
)
def test_another_series_is_refused(tmp_path: Path, version: str) -> None:
    make_package(tmp_path, version)
    make_script(tmp_path / "odoo-bin")
    with pytest.raises(PartsError, match=r"not 19\.0\..*ODOO_SOURCE"):
        find_odoo(tmp_path)


def test_an_empty_directory_a_file_and_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", tmp_path / "absent"):
        with pytest.raises(PartsError, match="ODOO_SOURCE"):
            find_odoo(path)


def test_a_checkout_without_base_is_refused(checkout: Path) -> None:
    (checkout / "odoo/addons/base").rmdir()
    with pytest.raises(PartsError, match="lacks the module base"):
        find_odoo(checkout)


def test_a_blank_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODOO_SOURCE", "  ")
    assert from_environment() is None
    monkeypatch.setenv("ODOO_SOURCE", "/opt/odoo")
    assert from_environment() == Path("/opt/odoo")
