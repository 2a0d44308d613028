"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def state_dir_option(text: str) -> Callable[[Any], Any]:
    """``--state-dir``; ``text`` is its help."""
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("/var/tmp/odoo-ha"),  # noqa: S108 - PostgreSQL's user must be able to read it
        show_default=True,
        envvar="HA_STATE_DIR",
        help=text,
    )
