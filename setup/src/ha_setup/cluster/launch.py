"""What it takes to start one node: a description, without any effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ConfigFile:
    """A file that must be there before the node starts.

    `keep` leaves a file alone that the server itself rewrites (Redis, Sentinel).
    """

    path: Path
    text: str = field(repr=False)
    mode: int = 0o644
    keep: bool = False


@dataclass(frozen=True)
class Launch:
    """How a node is started. `as_postgres`: under that user's name when root starts it. `umask` is for
    the files that it writes."""

    argv: tuple[str, ...]
    files: tuple[ConfigFile, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    directories: tuple[Path, ...] = ()
    as_postgres: bool = False
    umask: int = 0o022
