"""What rendering gives: files for hosts, without any effect."""

from __future__ import annotations

from dataclasses import dataclass

#: On each host, what the files call.
LIBRARY = "/usr/local/lib/odoo-ha"
PROGRAM = 0o755


@dataclass(frozen=True)
class RenderedFile:
    """A file of one host; `path` is absolute there. It never holds a secret."""

    path: str
    text: str
    mode: int = 0o644


def secret(name: str) -> str:
    """What stands in a file for the secret `name` until the service starts (start_with_secrets.py)."""
    return f"@{{{name}}}"
