"""The command `odoo-ha rollout`."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click

from ha_setup.errors import SetupError
from ha_setup.inventory import EXAMPLE
from ha_setup.inventory import read as read_inventory
from ha_setup.locks import locked
from ha_setup.rollout import record, settings
from ha_setup.rollout.machine import begin, go_on
from ha_setup.rollout.state import Outcome, State, Version

_ENDS = {Outcome.DONE: 0, Outcome.FAILED: 1, Outcome.STOPPED: 130}


@click.command("rollout")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--resume", is_flag=True, help="Go on with the rollout that did not end well.")
@click.option(
    "--undo", is_flag=True, help="Bring the old version back to every node that has the new one."
)
@click.option(
    "--schema-change",
    is_flag=True,
    help="I know that `migrate` changes the database's schema, and have a backup.",
)
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where it is remembered how far it came. Left out: FILE.state.json.",
)
@click.option(
    "--example", is_flag=True, help="Print a FILE to begin with; with FILE an inventory, for it."
)
@click.pass_context
def command(
    context: click.Context,
    file: Path | None,
    resume: bool,
    undo: bool,
    schema_change: bool,
    state_file: Path | None,
    example: bool,
) -> None:
    """Upgrade the Odoo nodes, one after the other, while people work.

    For each node: drain it, wait until its requests have ended, stop, your own upgrade command, start,
    wait until it is ready, fetch pages and assets, and give it requests again. FILE names the nodes and the
    commands. A step that fails, or Ctrl-C, touches no other node; the node at hand is brought back, or left
    drained, and the last line says which.

    The exit code is 0 when all nodes are done, 1 when a step failed, 130 after Ctrl-C.
    """
    if example:
        click.echo(settings.example(read_inventory(file or EXAMPLE)), nl=False)
        return
    if file is None:
        raise click.UsageError("name the rollout's file; --example prints one")
    if resume and undo:
        raise click.UsageError("--resume goes on, --undo goes back: choose one")
    rollout = settings.read(file)
    state_file = state_file or file.with_name(f"{file.name}.state.json")
    with locked(state_file.with_name(f"{state_file.name}.lock")):
        context.exit(_roll(rollout, file, state_file, resume, undo, schema_change))


def _roll(
    rollout: settings.Rollout,
    file: Path,
    state_file: Path,
    resume: bool,
    undo: bool,
    schema_change: bool,
) -> int:
    from ha_setup.rollout.driver import Driver

    before = record.load(state_file)
    driver = Driver(rollout, state_file, lambda text: click.echo(text, err=True))
    _refuse(rollout, before, state_file, resume=resume, undo=undo)
    if resume or undo:
        assert before is not None
        state = go_on(before, time.time(), undo=undo)
    else:
        state = begin(driver.looked().nodes, time.time())
        if state.outcome is Outcome.FAILED:
            raise SetupError(f"nothing was begun: {state.reason}")
    if rollout.commands.migrate and not undo and not state.migrated:
        _announce(schema_change)
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, lambda *_: driver.interrupt())
    try:
        state = driver.drive(state)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    for text in closing(state, str(file)):
        click.echo(f"odoo-ha: {text}", err=True)
    return _ENDS[state.outcome]


def _refuse(
    rollout: settings.Rollout, before: State | None, state_file: Path, *, resume: bool, undo: bool
) -> None:
    """Raise SetupError when what is asked for does not fit what is remembered."""
    if before is None:
        if resume or undo:
            raise SetupError(f"there is nothing to go on with: {state_file} is not there")
        return
    if (resume or undo) and {*before.versions} != {*rollout.nodes}:
        raise SetupError(
            f"{state_file} is about {', '.join(before.versions)}, and the file names"
            f" {', '.join(rollout.nodes)}: it should name the same nodes"
        )
    if undo and rollout.commands.undo is None:
        raise SetupError(
            "--undo needs the command commands.undo, which brings the old version back"
        )
    if not resume and not undo and before.outcome is not Outcome.DONE:
        raise SetupError(
            f"a rollout did not come to its end ({before.reason or 'its process died'}): go on with --resume or"
            f" --undo, or remove {state_file} when every node is in service"
        )


def _announce(agreed: bool) -> None:
    text = (
        "SCHEMA CHANGE: on the first node, `migrate` changes the schema of the database that all nodes use."
        " From then on until their turn the others run their old code on the new schema; requests that need a"
        " table being changed wait for its lock; and --undo brings back code, never the schema."
    )
    if not agreed:
        raise SetupError(
            f"{text} Make a backup, see that the old code can do with the new schema, and say --schema-change"
        )
    click.echo(text, err=True)


def closing(state: State, file: str) -> list[str]:
    """The last words: where things stand, and what can be done. Pure."""
    have = {
        version: [name for name, is_ in state.versions.items() if is_ is version]
        for version in Version
    }
    stand = "; ".join(
        f"{version.value} version: {', '.join(names)}"
        for version, names in have.items()
        if names and version is not Version.HALF
    )
    if state.outcome is Outcome.DONE:
        return [f"done; {stand}"]
    words = [f"{'interrupted' if state.outcome is Outcome.STOPPED else state.reason}", stand]
    if state.node is not None:
        half = state.versions[state.node] is Version.HALF
        words.append(
            f"{state.node} is LEFT DRAINED at {state.step.value}"
            f"{', half changed' if half else ''}: it gets no requests; the other nodes serve"
        )
    else:
        words.append("every node is in service")
    goes_on = f"odoo-ha rollout {file} --resume goes on, --undo goes back"
    return [*(each for each in words if each), goes_on]
