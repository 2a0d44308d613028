"""Entry point of the command `odoo-ha`: errors of ours are one message, without a traceback."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command and exit with its status; 130 when interrupted."""
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        print("odoo-ha: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _run() -> int:
    # Imported here so that an interruption in these first moments is no traceback either.
    import click

    from ha_setup.cli import cli
    from ha_setup.errors import SetupError

    try:
        return int(cli(standalone_mode=False) or 0)
    except SetupError as problem:
        click.echo(f"odoo-ha: {problem}", err=True)
        return 1
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
