"""What ``ha-sidecar check`` looks at in a PgBouncer."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import ActorError
from .console import Access, Console

#: Seconds that a failed login to the server may keep clients away.
_LONGEST_RETRY = 1.0


def look_at(access: Access, file: Path) -> str:
    """Return what was found. Raises ActorError with all that is wrong, each with its remedy."""
    console = Console(access)
    try:
        version = console.version()
        configured = {str(row["key"]): row["value"] for row in console.show("CONFIG")}
        databases = {str(row["name"]): row for row in console.show("DATABASES")}
    finally:
        console.close()
    wrong = []
    if float(configured["server_login_retry"]) > _LONGEST_RETRY:
        wrong.append("server_login_retry should be 1 (second)")
    if int(configured.get("so_reuseport") or 0):
        wrong.append("so_reuseport should be 0: of several processes only one would be reached")
    listening = databases.get("postgres")
    mode = (listening and listening["pool_mode"]) or configured["pool_mode"]
    if listening and mode != "session":
        wrong.append(
            f"database postgres is pooled by {mode}, but Odoo's bus and scheduled actions LISTEN"
            " there: it needs pool_mode=session"
        )
    if not os.access(file.parent, os.W_OK):
        wrong.append(f"{file.parent} can't be written by this user (pgbouncer_databases_file)")
    main = Path(str(configured["conffile"])) if configured.get("conffile") else None
    if main and os.access(main, os.R_OK) and str(file) not in main.read_text(errors="replace"):
        wrong.append(f"{main} lacks the line %include {file}")
    if wrong:
        raise ActorError("; ".join(wrong))
    return f"version {'.'.join(map(str, version))}, pool_mode {configured['pool_mode']}"
