"""The file that pgbouncer.ini includes: where its databases are. Rendering and judging are pure.

It tells nothing but the server, so that two sidecars beside one PgBouncer write the same bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ...cluster import Primary
from ...errors import ActorError

_HEAD = re.compile(r"^;; ha-sidecar: timeline (\d+) of system (\S+)$", re.MULTILINE)


def render(databases: Sequence[str], primary: Primary) -> str:
    """``databases`` are entries without address: a name, then options such as pool_mode."""
    lines = [
        f";; ha-sidecar: timeline {primary.timeline} of system {primary.system_identifier}",
        ";; Rewritten at each change of the primary.",
        "[databases]",
    ]
    for entry in databases:
        name, _, options = entry.partition(" ")
        where = f"host={primary.host} port={primary.port}"
        lines.append(f"{name} = {where} {options.strip()}".rstrip())
    return "\n".join(lines) + "\n"


def newer_timeline(text: str, primary: Primary) -> int | None:
    """The timeline that ``text`` names, where it is above ``primary``'s; another cluster's isn't."""
    found = _HEAD.search(text)
    if found is None or found[2] != primary.system_identifier:
        return None
    return int(found[1]) if int(found[1]) > primary.timeline else None


def update(path: Path, text: str, primary: Primary) -> bool:
    """Have ``path`` hold ``text``, by an atomic rename; tell whether it was another one.

    Raises ActorError when it can't be written, or names a newer timeline: another sidecar saw more.
    """
    try:
        found = path.read_text()
    except FileNotFoundError:
        found = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ActorError(f"pgbouncer_databases_file: {path} can't be read ({error})") from None
    if found == text:
        return False
    newer = newer_timeline(found, primary)
    if newer is not None:
        raise ActorError(
            f"pgbouncer_databases_file: {path} names timeline {newer}, above {primary.timeline} of"
            f" {primary.target}; it stays as it is"
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text)
        temporary.chmod(0o644)  # PgBouncer runs as another user; no secret is in it
        temporary.replace(path)
    except OSError as error:
        raise ActorError(
            f"pgbouncer_databases_file: {path} can't be written ({error.strerror});"
            " the sidecar's user needs to write to its directory"
        ) from None
    return True
