"""Stamps: what was installed completely, and from what. Without its stamp a part is made afresh."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stamp:
    """A directory is complete when its stamp file holds the fingerprint of what it is made from."""

    directory: Path
    wanted: str

    @classmethod
    def of(cls, directory: Path, *ingredients: str) -> Stamp:
        return cls(directory, hashlib.sha256("\0".join(ingredients).encode()).hexdigest())

    @property
    def file(self) -> Path:
        return self.directory / ".stamp"

    def is_valid(self) -> bool:
        try:
            return self.file.read_text() == self.wanted
        except OSError:
            return False

    def write(self) -> None:
        self.file.write_text(self.wanted)

    def clear(self) -> None:
        """Remove the directory, stamp first, so that an interruption cannot leave a stamped ruin."""
        self.file.unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)
