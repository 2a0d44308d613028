"""Finding Odoo in a directory that the user names, or in the package that was extracted."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ha_setup.errors import PartsError

ENVIRONMENT_VARIABLE = "ODOO_SOURCE"
SERIES = 19

REMEDY = (
    f"{ENVIRONMENT_VARIABLE} must name a checkout of Odoo {SERIES} (with odoo-bin), the root of an extracted "
    f"package (with usr/bin/odoo), or /usr for an installed package; unset it to let the setup fetch Odoo"
)


@dataclass(frozen=True)
class OdooSource:
    """An Odoo that can be run: `script` under a Python that has `package`'s parent on its path."""

    script: Path
    package: Path
    version: str


def from_environment() -> Path | None:
    """The directory in $ODOO_SOURCE, or None."""
    value = os.environ.get(ENVIRONMENT_VARIABLE, "").strip()
    return Path(value).expanduser() if value else None


def find_odoo(root: Path) -> OdooSource:
    """The Odoo below `root`; PartsError when there is none, or one of another series."""
    if not root.is_dir():
        raise PartsError(f"{root} is not a directory. {REMEDY}")
    root = root.resolve()
    script, package = _locate(root)
    release = package / "release.py"
    try:
        text = release.read_text(encoding="utf-8")
    except OSError as problem:
        raise PartsError(f"{release} cannot be read ({problem.strerror}). {REMEDY}") from None
    match = re.search(
        r"^version_info\s*=\s*\(\s*'?(?:saas~)?(\d+)'?\s*,\s*(\d+)", text, re.MULTILINE
    )
    if match is None:
        raise PartsError(f"{release} does not say which version it is. {REMEDY}")
    version = f"{match[1]}.{match[2]}"
    if int(match[1]) != SERIES or match[2] != "0":
        raise PartsError(f"{root} holds Odoo {version}, not {SERIES}.0. {REMEDY}")
    if not (package / "addons" / "base").is_dir():
        raise PartsError(f"{package} lacks the module base: it is incomplete. {REMEDY}")
    return OdooSource(script, package, version)


def _locate(root: Path) -> tuple[Path, Path]:
    if (root / "odoo-bin").is_file():
        return root / "odoo-bin", root / "odoo"
    # An extracted package root, or /usr itself.
    for prefix in (root / "usr", root):
        script = prefix / "bin" / "odoo"
        if script.is_file():
            for packages in (
                prefix / "lib" / "python3" / "dist-packages",
                *prefix.glob("lib/python3.*/site-packages"),
            ):
                if (packages / "odoo" / "release.py").is_file():
                    return script, packages / "odoo"
            raise PartsError(
                f"{script} is there, but its package `odoo` is not beside it. {REMEDY}"
            )
    raise PartsError(f"{root} has neither odoo-bin nor usr/bin/odoo nor bin/odoo. {REMEDY}")


def needs_own_path(source: OdooSource) -> bool:
    """Whether the package's parent holds other packages that would hide the environment's."""
    neighbours = {p.name for p in source.package.parent.iterdir() if (p / "__init__.py").is_file()}
    return bool(neighbours - {"odoo", "addons", "setup", "doc", "debian"})


def python_path(source: OdooSource, own: Path) -> Path:
    """The directory for PYTHONPATH; `own` becomes one with links when the parent is shared."""
    if not needs_own_path(source):
        return source.package.parent
    own.mkdir(parents=True, exist_ok=True)
    for name in ("odoo", "addons"):
        link, target = own / name, source.package.parent / name
        if link.is_symlink() and link.readlink() != target:
            link.unlink()
        if target.is_dir() and not link.is_symlink():
            link.symlink_to(target)
    return own
