"""Runs a command of Odoo's own that comes with an addon, in place of this process."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from configparser import Error, RawConfigParser
from pathlib import Path
from typing import NoReturn

from ha_setup.errors import SetupError


def become(odoo: str, config: Path, name: str, arguments: Sequence[str]) -> NoReturn:
    """Run `odoo NAME ARGUMENTS -c CONFIG`; its exit code is ours."""
    program = shutil.which(odoo)
    if program is None:
        raise SetupError(f"--odoo {odoo}: no such command")
    command = [program, f"--addons-path={addons_path(config)}", name, *arguments]
    sys.stdout.flush()
    os.execv(program, [*command, "-c", str(config)])


def addons_path(config: Path) -> str:
    """The ``addons_path`` of an odoo.conf: Odoo looks for its commands there."""
    parser = RawConfigParser()
    try:
        parser.read(config)
    except Error as error:
        raise SetupError(f"{config}: {error}") from error
    found = parser.get("options", "addons_path", fallback="")
    if not found:
        raise SetupError(f"{config}: addons_path is missing in [options]")
    return found
