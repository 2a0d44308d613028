"""Programs of Debian's packages that only a test needs: unpacked beside the parts, not installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def program(name: str, package: str, path: str) -> Path:
    """Return where the program is: the system's, else ``path`` of Debian's ``package``.

    Raises RuntimeError when apt-get can't bring the package.
    """
    found = shutil.which(name, path=_SYSTEM_PATH)
    if found:
        return Path(found)
    packages = Path(os.environ.get("HA_STATE_DIR") or "/var/tmp/odoo-ha") / "parts" / "debian"
    root = packages / package
    unpacked = root / path.lstrip("/")
    packages.mkdir(parents=True, exist_ok=True)
    with (packages / f"{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not unpacked.is_file():
            _unpack(package, packages / f"{package}.new", root)
    return unpacked


def _unpack(package: str, beside: Path, root: Path) -> None:
    shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)
    beside.mkdir()
    done = _run(["apt-get", "-qq", "download", package], beside)
    if done.returncode:
        # Lists that are older than the archive name files that it no longer has.
        _run(["apt-get", "-qq", "update"], beside)
        done = _run(["apt-get", "-qq", "download", package], beside)
    archives = list(beside.glob("*.deb"))
    if len(archives) != 1:
        raise RuntimeError(f"apt-get download {package}: {done.stdout[-800:]}")
    subprocess.run(["dpkg", "-x", archives[0], beside], check=True, timeout=300)
    archives[0].unlink()
    beside.rename(root)


def _run(command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
