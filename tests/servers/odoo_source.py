"""Where the real Odoo is; ``./setup/test`` finds it and says so in the environment.

By hand: ``ODOO_SOURCE`` names a checkout or the root of an extracted package, and this runs
under a Python that has Odoo's dependencies.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SUITE_ADDONS = REPOSITORY / "addons"
TEST_ADDONS = REPOSITORY / "tests" / "addons"


@dataclass(frozen=True)
class OdooSource:
    """One Odoo: the script that starts it, what Python must find, and its addons."""

    script: Path
    python_path: Path
    addons: tuple[Path, ...]

    @classmethod
    def find(cls) -> OdooSource:
        """Return the Odoo that the environment names; LookupError when it names none."""
        script = os.environ.get("HA_TEST_ODOO_SCRIPT")
        if script:
            return cls._of(Path(script), Path(os.environ["HA_TEST_ODOO_PATH"]))
        root = Path(os.environ.get("ODOO_SOURCE") or "ODOO_SOURCE is not set")
        if (root / "odoo-bin").is_file():
            return cls._of(root / "odoo-bin", root)
        if (root / "usr/bin/odoo").is_file():
            return cls._of(root / "usr/bin/odoo", root / "usr/lib/python3/dist-packages")
        raise LookupError(f"no Odoo: {root}. Run the tests through ./setup/test, which brings one")

    @classmethod
    def _of(cls, script: Path, python_path: Path) -> OdooSource:
        addons = [python_path / "odoo" / "addons"]
        if script.name == "odoo-bin":  # in a package all addons are below odoo/
            addons.insert(0, script.parent / "addons")
        return cls(script, python_path, tuple(addons))
