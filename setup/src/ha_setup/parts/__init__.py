"""The parts that a cluster is made of: real Odoo, PostgreSQL, Patroni, etcd, Redis, SeaweedFS, HAProxy.

`install` brings what is missing; it may be run any number of times, also after an interruption
and by several runs at once. `load` answers what was installed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ha_setup.errors import PartsError
from ha_setup.files import write_file
from ha_setup.locks import locked
from ha_setup.parts.environments import ensure_odoo_environment, ensure_server_environment
from ha_setup.parts.odoo_package import ensure_odoo_package
from ha_setup.parts.odoo_source import find_odoo, from_environment, python_path
from ha_setup.parts.system_packages import ensure_programs
from ha_setup.progress import Progress, SilentProgress

LOCK_WAIT_S = 3600.0
MEMORY = "parts.json"

__all__ = ["Parts", "install", "load"]


@dataclass(frozen=True)
class Parts:
    """Where every part is. Run Odoo as `odoo_python odoo_script` with PYTHONPATH=`pythonpath`."""

    odoo_python: Path
    odoo_script: Path
    pythonpath: Path
    odoo_version: str
    pg_bin: Path
    patroni: Path
    patronictl: Path
    weed: Path
    redis_server: Path
    redis_cli: Path
    haproxy: Path
    pgbouncer: Path
    etcd: Path
    etcdctl: Path


def parts_dir(state_dir: Path) -> Path:
    return state_dir / "parts"


def install(
    state_dir: Path, progress: Progress | None = None, odoo_source: Path | None = None
) -> Parts:
    """Install what is missing below `state_dir`/parts and return all of it.

    `odoo_source` (default: $ODOO_SOURCE) is an Odoo of the user's own. Raises PartsError with the
    remedy. Takes under a second when nothing is missing.
    """
    progress = progress or SilentProgress()
    directory = parts_dir(state_dir)
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "install.log"
    source_root = odoo_source or from_environment()
    if source_root is not None:
        find_odoo(source_root)  # a wrong directory is told at once, before minutes of downloads
    with locked(directory / ".lock", waiting=progress.note, timeout=LOCK_WAIT_S) as lock:
        programs = ensure_programs(log, progress)
        servers = ensure_server_environment(directory, log, progress, (lock,)).parent
        odoo_python = ensure_odoo_environment(directory, log, progress, (lock,))
        if source_root is None:
            source_root = ensure_odoo_package(directory, log, progress, (lock,))
        source = find_odoo(source_root)
        path = python_path(source, directory / "odoo-path")
    for program in (servers / "patroni", servers / "weed"):
        if not program.is_file():
            raise PartsError(
                f"{program} is missing although its packages are installed: remove {servers.parent} and run again"
            )
    parts = Parts(
        odoo_python=odoo_python,
        odoo_script=source.script,
        pythonpath=path,
        odoo_version=source.version,
        pg_bin=programs.pg_bin,
        patroni=servers / "patroni",
        patronictl=servers / "patronictl",
        weed=servers / "weed",
        redis_server=programs.redis_server,
        redis_cli=programs.redis_cli,
        haproxy=programs.haproxy,
        pgbouncer=programs.pgbouncer,
        etcd=programs.etcd,
        etcdctl=programs.etcdctl,
    )
    write_file(
        directory / MEMORY,
        json.dumps({name: str(value) for name, value in asdict(parts).items()}, indent=1),
    )
    return parts


def load(state_dir: Path) -> Parts:
    """The parts as they were installed; PartsError when they were not, or are gone."""
    try:
        raw = json.loads((parts_dir(state_dir) / MEMORY).read_text())
        found = {
            f.name: str(raw[f.name]) if f.name == "odoo_version" else Path(raw[f.name])
            for f in fields(Parts)
        }
        gone = [
            str(path) for path in found.values() if isinstance(path, Path) and not path.exists()
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise PartsError(
            f"nothing is installed in {state_dir}: run `odoo-ha parts install` first"
        ) from None
    if gone:
        raise PartsError(f"{', '.join(gone)} went away: run `odoo-ha parts install` again")
    return Parts(**found)  # type: ignore[arg-type]
