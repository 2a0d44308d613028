"""Where the real Odoo is: a checkout, or the tree of an extracted Debian package."""

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
        """Return the Odoo below ``ODOO_SOURCE``.

        Raises LookupError when the variable is unset or names something else.
        """
        root = os.environ.get("ODOO_SOURCE")
        if not root:
            raise LookupError("ODOO_SOURCE must name the directory of an Odoo 19 (./setup/test does)")
        return cls.at(Path(root))

    @classmethod
    def at(cls, root: Path) -> OdooSource:
        package = root / "usr/lib/python3/dist-packages"
        if (root / "usr/bin/odoo").is_file() and (package / "odoo").is_dir():
            return cls(root / "usr/bin/odoo", package, (package / "odoo/addons",))
        for script in (root / "odoo-bin", root / "odoo"):
            if script.is_file() and (root / "odoo/addons").is_dir():
                found = (root / "addons", root / "odoo/addons")
                return cls(script, root, tuple(path for path in found if path.is_dir()))
        raise LookupError(f"ODOO_SOURCE: no Odoo in {root}: neither usr/bin/odoo nor odoo-bin is there")
