"""Makes the pure modules of the addons importable where there is no Odoo.

``odoo.addons`` and each addon of this repository become bare packages: a path and nothing
else. No ``__init__`` of an addon runs, so ``from odoo.addons.ha_base.settings import parse``
imports that module and what it names, which for a pure module is the standard library.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

ADDONS = Path(__file__).resolve().parents[2] / "addons"


def bare_package(name: str, path: Path) -> ModuleType:
    """Register a package that has a path and runs no code."""
    package = ModuleType(name)
    package.__path__ = [str(path)]
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)
    return package


bare_package("odoo", ADDONS / "no-such-directory")
bare_package("odoo.addons", ADDONS)
for manifest in sorted(ADDONS.glob("*/__manifest__.py")):
    bare_package(f"odoo.addons.{manifest.parent.name}", manifest.parent)
