"""Servers that the distribution provides: PostgreSQL, etcd, Redis, HAProxy, PgBouncer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ha_setup.commands import capture, run_logged
from ha_setup.errors import PartsError
from ha_setup.progress import Progress

# program → Debian package that brings it
PACKAGES: Mapping[str, str] = {
    "postgres": "postgresql",
    "etcd": "etcd-server",
    "etcdctl": "etcd-client",
    "redis-server": "redis-server",
    "redis-cli": "redis-tools",
    "haproxy": "haproxy",
    "pgbouncer": "pgbouncer",
}
MINIMUM_POSTGRESQL = 15
POLICY_FILE = Path("/usr/sbin/policy-rc.d")
POLICY_MARK = "# made by odoo-ha for the length of one installation"
POLICY_TEXT = f"#!/bin/sh\n{POLICY_MARK}\nexit 101\n"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
APT_LOCK_WAIT_S = 300
APT_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class SystemPrograms:
    """Paths of the programs; `pg_bin` is the directory with postgres, initdb and pg_rewind."""

    pg_bin: Path
    etcd: Path
    etcdctl: Path
    redis_server: Path
    redis_cli: Path
    haproxy: Path
    pgbouncer: Path


def newest_pg_bin(root: Path = Path("/usr/lib/postgresql")) -> Path | None:
    """The newest PostgreSQL of at least the needed version that Debian's packages installed."""
    versions = [p for p in root.glob("*/bin/postgres") if p.parent.parent.name.isdigit()]
    versions = [p for p in versions if int(p.parent.parent.name) >= MINIMUM_POSTGRESQL]
    if not versions:
        return None
    return max(versions, key=lambda p: int(p.parent.parent.name)).parent


def find_programs() -> dict[str, Path | None]:
    """Where each program is now; None when it is missing. PostgreSQL answers its bin directory."""
    found: dict[str, Path | None] = {}
    for program in PACKAGES:
        if program == "postgres":
            found[program] = newest_pg_bin()
        else:
            # Only the system's directories: the cluster's users cannot read a program in a home.
            path = shutil.which(program, path=SYSTEM_PATH)
            found[program] = Path(path) if path else None
    return found


def missing_packages(found: Mapping[str, Path | None]) -> list[str]:
    return sorted({PACKAGES[program] for program, path in found.items() if path is None})


def ensure_programs(log: Path, progress: Progress) -> SystemPrograms:
    """Install what is missing when root; otherwise say which command does it."""
    found = find_programs()
    missing = missing_packages(found)
    if missing:
        install_missing(missing, log, progress)
        found = find_programs()
        missing = missing_packages(found)
        if missing:
            raise PartsError(
                f"apt-get installed {', '.join(missing)}, but its programs are not where they should be"
            )
    paths = {program: path for program, path in found.items() if path is not None}
    return SystemPrograms(
        pg_bin=paths["postgres"],
        etcd=paths["etcd"],
        etcdctl=paths["etcdctl"],
        redis_server=paths["redis-server"],
        redis_cli=paths["redis-cli"],
        haproxy=paths["haproxy"],
        pgbouncer=paths["pgbouncer"],
    )


def install_missing(missing: list[str], log: Path, progress: Progress) -> None:
    """Install these packages when root; otherwise PartsError says which command does it."""
    if shutil.which("apt-get") is None:
        raise PartsError(
            f"this machine lacks {', '.join(missing)} (Debian's names) and has no apt-get: install them first"
        )
    if os.geteuid() != 0:
        raise PartsError(
            "packages are missing and only root may install them. Run:\n"
            f"    sudo apt-get install {' '.join(missing)}\n"
            "and start again."
        )
    with progress.step(f"apt-get install {' '.join(missing)}"):
        install_packages(missing, log)


def install_packages(packages: list[str], log: Path) -> None:
    """apt-get install, without starting the services that the packages bring."""
    env = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    apt = ["apt-get", "-y", "-q", "-o", f"DPkg::Lock::Timeout={APT_LOCK_WAIT_S}"]
    with services_kept_down():
        if capture(["dpkg", "--audit"], timeout=60):
            # An earlier installation was interrupted; apt refuses until it is finished.
            run_logged(
                ["dpkg", "--configure", "-a"],
                log,
                timeout=APT_TIMEOUT_S,
                what="dpkg --configure -a",
                env=env,
                error=PartsError,
            )
        run_logged(
            [*apt, "update"],
            log,
            timeout=APT_TIMEOUT_S,
            what="apt-get update",
            env=env,
            error=PartsError,
        )
        run_logged(
            [*apt, "install", "--no-install-recommends", *packages],
            log,
            timeout=APT_TIMEOUT_S,
            what=f"apt-get install {' '.join(packages)}",
            env=env,
            error=PartsError,
        )


@contextmanager
def services_kept_down(policy: Path = POLICY_FILE) -> Iterator[None]:
    """While this lasts, freshly installed services are not started. A policy that is there stays."""
    if policy.exists() and POLICY_MARK not in policy.read_text(errors="replace"):
        yield
        return
    policy.write_text(POLICY_TEXT)
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)
