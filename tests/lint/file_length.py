"""A file of more than 300 lines asks to be two; one of more than 600 must be.

Usage: ``file_length.py FILE...``. Warns above 300 lines, fails above 600.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

WARN_ABOVE = 300
FAIL_ABOVE = 600


def verdict(lines: int) -> str | None:
    """Return ``warning``, ``error`` or None for a file of that many lines."""
    if lines > FAIL_ABOVE:
        return "error"
    return "warning" if lines > WARN_ABOVE else None


def check(paths: Iterable[Path]) -> int:
    """Report each long file; return the exit code."""
    failed = 0
    for path in paths:
        lines = path.read_text(errors="replace").count("\n")
        found = verdict(lines)
        if found:
            sys.stdout.write(f"{path}: {lines} lines: {found}: make it two (over {WARN_ABOVE})\n")
            failed |= found == "error"
    return int(failed)


if __name__ == "__main__":
    sys.exit(check(Path(argument) for argument in sys.argv[1:]))
