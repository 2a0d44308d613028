"""Writing files so that a reader or an interruption never meets half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_file(
    path: Path, text: str, *, mode: int = 0o644, owner: tuple[int, int] | None = None
) -> bool:
    """Replace `path` atomically; False when it held that text already.

    The mode is set before the text is written: a secret is never readable to others, not even
    for a moment.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if _holds(path, text):
        path.chmod(mode)
        if owner is not None:
            os.chown(path, *owner)
        return False
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.fchmod(descriptor, mode)
        if owner is not None:
            os.fchown(descriptor, *owner)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text() == text
    except OSError:
        return False
