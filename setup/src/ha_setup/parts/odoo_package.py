"""Fetches Odoo 19 as Debian packages it, without touching this system's own apt or packages.

apt runs with state of its own below the parts directory, only downloads, and verifies every
signature; the packages are then extracted into a root of their own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ha_setup.commands import capture, run_logged
from ha_setup.errors import PartsError
from ha_setup.parts.apt_sources import (
    DEBIAN_KEYRING,
    Archive,
    debian_archive,
    parse_deb822,
    parse_one_line,
    private_sources,
)
from ha_setup.parts.stamps import Stamp
from ha_setup.progress import Progress

ODOO_SUITE = "sid"
LIBRARY_SUITE = "bookworm"
# The web client's scripts and fonts are links into these; the suite says whose file names match.
PACKAGES = (
    *(
        f"{name}/{ODOO_SUITE}"
        for name in (
            "odoo-19",
            "libjs-jquery",
            "libjs-jquery-form",
            "libjs-underscore",
            "fonts-roboto-unhinted",
            "fonts-montserrat",
            "fonts-ocr-b",
        )
    ),
    f"fonts-font-awesome/{LIBRARY_SUITE}",
    f"fonts-inconsolata/{LIBRARY_SUITE}",
)
NEEDED_BYTES = 2_200_000_000
DOWNLOAD_TIMEOUT_S = 1800.0


def machine_archives(etc: Path = Path("/etc/apt")) -> list[Archive]:
    """Every archive in this machine's apt configuration."""
    archives: list[Archive] = []
    for file in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        if not file.is_file():
            continue
        text = file.read_text(errors="replace")
        if file.suffix == ".sources":
            archives += parse_deb822(text)
        elif file.suffix == ".list":
            archives += parse_one_line(text)
    return archives


def ensure_odoo_package(
    parts_dir: Path, log: Path, progress: Progress, keep_open: tuple[int, ...]
) -> Path:
    """The root with Odoo extracted; fetched when it is not there completely."""
    root = parts_dir / "odoo"
    stamp = Stamp.of(root, *PACKAGES)
    if stamp.is_valid():
        return root
    work = parts_dir / "odoo.download"
    uri = debian_archive(machine_archives())
    if uri is None or not Path(DEBIAN_KEYRING).is_file() or shutil.which("apt-get") is None:
        raise PartsError(
            "Odoo 19 comes from Debian's archive, and this machine's apt configuration names none. "
            "Point ODOO_SOURCE at an Odoo 19 that you have (a checkout, or /usr for an installed package)."
        )
    free = shutil.disk_usage(parts_dir).free
    if free < NEEDED_BYTES:
        raise PartsError(
            f"{parts_dir} has {free / 1e9:.1f} GB free and Odoo needs {NEEDED_BYTES / 1e9:.1f} GB: "
            "make room, or choose another place with --state-dir"
        )
    apt = _private_apt(work, uri)
    with progress.step("fetch Odoo 19") as step:
        step.update("package lists")
        run_logged(
            [*apt, "update"],
            log,
            timeout=DOWNLOAD_TIMEOUT_S,
            what="apt-get update (for Odoo)",
            cwd=work,
            keep_open=keep_open,
            error=PartsError,
        )
        step.update("123 MB")
        debs = work / "debs"
        debs.mkdir(exist_ok=True)
        # apt resumes what an interrupted run left here, and checks every file against the signed lists.
        run_logged(
            [*apt, "download", *PACKAGES],
            log,
            timeout=DOWNLOAD_TIMEOUT_S,
            what="the download of Odoo 19",
            cwd=debs,
            keep_open=keep_open,
            error=PartsError,
        )
    with progress.step("extract Odoo 19"):
        stamp.clear()
        fresh = parts_dir / "odoo.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        fresh.chmod(0o755)
        for deb in sorted(debs.glob("*.deb")):
            run_logged(
                ["dpkg-deb", "-x", deb, fresh],
                log,
                timeout=600,
                what=f"extracting {deb.name}",
                keep_open=keep_open,
                error=PartsError,
            )
        _refuse_dangling_links(fresh)
        fresh.rename(root)
        stamp.write()
    shutil.rmtree(work, ignore_errors=True)
    return root


def _private_apt(work: Path, uri: str) -> list[str]:
    for name in ("lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True, exist_ok=True)
    (work / "sources.list").write_text(private_sources(uri, (ODOO_SUITE, LIBRARY_SUITE)))
    options = {
        "Dir::State::Lists": work / "lists",
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Cache": work / "cache",
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
    }
    command = ["apt-get", "-q"]
    for name, value in options.items():
        if value != "":
            command += ["-o", f"{name}={value}"]
    return command


def _refuse_dangling_links(root: Path) -> None:
    """A missing library makes every page an error 500: better found out here."""
    listing = capture(["find", str(root / "usr"), "-xtype", "l"], timeout=120)
    if listing is None:
        raise PartsError(f"{root / 'usr'} could not be examined: the extraction of Odoo failed")
    # Links of the packages are absolute or relative within /usr: an absolute one looks dangling
    # here although it is served through the system's copy, so it is redirected into the root.
    dangling = [Path(line) for line in listing.splitlines() if line]
    still = [link for link in dangling if not _redirect(link, root)]
    if still:
        names = ", ".join(str(link.relative_to(root)) for link in still[:5])
        raise PartsError(f"Odoo's package lacks {len(still)} files that it links to: {names}")


def _redirect(link: Path, root: Path) -> bool:
    target = link.readlink()
    if not target.is_absolute():
        return False
    inside = root / target.relative_to("/")
    if not inside.exists():
        return False
    link.unlink()
    link.symlink_to(os.path.relpath(inside, link.parent))
    return True
