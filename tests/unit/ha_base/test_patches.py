"""Guarded patches: applied once, stackable, refused when the target isn't what was checked."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from odoo.addons.ha_base.patches import Patch, PatchRefused, apply

SOURCE = """
import functools

def greet(name):
    return f"hello {name}"

class Server:
    def serve(self):
        return "served"

    @property
    def port(self):
        return 8069

    @functools.cached_property
    def store(self):
        return "files"

    @staticmethod
    def process():
        return "processed"

    @classmethod
    def build(cls):
        return cls.__name__
"""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "patched_module.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    import patched_module

    yield patched_module
    del sys.modules["patched_module"]


def exclaim(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: f"{original(*args, **kwargs)}!"


def patch(attribute: str, *contains: str, name: str = "exclaim") -> Patch:
    return Patch(
        name=name,
        target=f"patched_module:{attribute}",
        reason="to see it",
        checked_on="19.0",
        contains=contains,
        wrap=exclaim,
    )


def test_every_kind_of_attribute_can_be_patched(target: ModuleType) -> None:
    for attribute in (
        "greet",
        *(f"Server.{n}" for n in ("serve", "port", "store", "process", "build")),
    ):
        apply(patch(attribute))
    server = target.Server()
    assert target.greet("you") == "hello you!"
    assert server.serve() == "served!"
    assert server.port == "8069!"
    assert server.store == "files!"
    assert target.Server.process() == "processed!"
    assert target.Server.build() == "Server!"


def test_a_patched_cached_property_is_still_cached(target: ModuleType) -> None:
    apply(patch("Server.store"))
    server = target.Server()
    assert server.store is server.store
    assert server.__dict__["store"] == "files!"
    assert isinstance(vars(target.Server)["store"], functools.cached_property)


def test_applying_twice_changes_nothing(target: ModuleType) -> None:
    apply(patch("greet"))
    apply(patch("greet"))
    assert target.greet("you") == "hello you!"


def test_two_patches_stack_and_neither_is_applied_again(target: ModuleType) -> None:
    apply(patch("greet"), patch("greet", "hello", name="again"))
    apply(patch("greet"), patch("greet", "hello", name="again"))
    assert target.greet("you") == "hello you!!"


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (patch("no_such_function"), "misses its target patched_module:no_such_function"),
        (patch("Server.no_such_method"), "misses its target"),
        (patch("greet", "good evening"), "lacks 'good evening'"),
    ],
)
@pytest.mark.usefixtures("target")
def test_an_unknown_odoo_is_refused(refused: Patch, said: str) -> None:
    with pytest.raises(PatchRefused, match=said):
        apply(refused)


def test_a_missing_module_is_refused() -> None:
    missing = Patch("x", "no_such_module_at_all:f", "r", "19.0", (), exclaim)
    with pytest.raises(PatchRefused, match="no_such_module_at_all"):
        apply(missing)


def test_layout_of_the_source_is_no_difference(target: ModuleType) -> None:
    apply(patch("greet", 'def greet(name):\n        return f"hello'))
    assert target.greet("you") == "hello you!"
