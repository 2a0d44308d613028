"""Files of Odoo's filestore, written so that a crash leaves the old or the new one, never a part."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def read(path: str, sha1: str | None) -> bytes | None:
    """The content of this file; None where it isn't there, or isn't what its SHA-1 says."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        return None
    if sha1 and hashlib.sha1(content, usedforsecurity=False).hexdigest() != sha1:
        return None
    return content


def write(path: str, content: bytes) -> None:
    """Have exactly this content there, durably; one that is there already is not written again.

    :raises OSError: when that isn't certain
    """
    place = Path(path)
    with suppress(OSError):
        if place.read_bytes() == content:
            return
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=place.parent, suffix=".part")
    try:
        with open(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(place)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    directory = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
