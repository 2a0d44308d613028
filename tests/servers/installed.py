"""Installed databases are kept for the run of the tests, for every server that wants the same one.

``setup/test`` names a directory for its run in ``HA_TEST_INSTALLED``; without it each server
installs its own. Nothing outlives the run, so no change of any code meets an old database.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .postgres import ODOO_ROLE, Postgres, binary

_TIMEOUT = 300


class Installed:
    """One database with its filestore, as it was after its installation."""

    def __init__(self, directory: Path, *ingredients: str) -> None:
        name = hashlib.sha256("\0".join(ingredients).encode()).hexdigest()[:16]
        self._directory = directory / name
        self._dump = self._directory / "dump"
        self._filestore = self._directory / "filestore"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Whoever wants it meanwhile waits until it is kept."""
        self._directory.mkdir(exist_ok=True)
        with (self._directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def keep(self, server: Postgres, dbname: str, filestore: Path) -> None:
        """Remember it; the database is in no use."""
        shutil.rmtree(self._filestore, ignore_errors=True)
        if filestore.is_dir():
            shutil.copytree(filestore, self._filestore)
        part = self._dump.with_suffix(".part")
        _run(server, "pg_dump", "-Fc", "-Z0", "-f", str(part), dbname)
        part.rename(self._dump)

    def restore(self, server: Postgres, dbname: str, filestore: Path) -> bool:
        """Make the database and its filestore; False when nothing is kept."""
        if not self._dump.exists():
            return False
        server.execute(
            f"CREATE DATABASE \"{dbname}\" OWNER {ODOO_ROLE} ENCODING 'unicode'"
            " LC_COLLATE 'C' TEMPLATE template0"
        )
        _run(server, "pg_restore", "--no-owner", "--exit-on-error", "-d", dbname, str(self._dump))
        server.execute("ANALYZE", dbname=dbname)
        if self._filestore.is_dir():
            shutil.copytree(self._filestore, filestore, dirs_exist_ok=True)
        return True


def find(variant: str, modules: Sequence[str], options: Sequence[str]) -> Installed | None:
    """What such an installation leaves, kept or not yet; None when this run keeps nothing."""
    directory = os.environ.get("HA_TEST_INSTALLED")
    if not directory:
        return None
    return Installed(Path(directory), variant, " ".join(sorted(modules)), " ".join(options))


def exists(server: Postgres, dbname: str) -> bool:
    """Is there such a database already?"""
    return bool(server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [dbname]))


def _run(server: Postgres, program: str, *arguments: str) -> None:
    done = subprocess.run(
        [binary(program), "-h", server.address, "-p", str(server.port), "-U", ODOO_ROLE, "-w",
         *arguments],
        env={**os.environ, "PGPASSWORD": server.odoo_password},
        capture_output=True, text=True, timeout=_TIMEOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stderr.strip()}")
