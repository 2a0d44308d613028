"""The command `odoo-ha render`."""

from __future__ import annotations

from pathlib import Path

import click

from ha_setup.errors import SetupError
from ha_setup.inventory import EXAMPLE, Inventory, read
from ha_setup.render import RenderedFile, Rendering, render, tree

STARTER = Path(__file__).with_name("start_with_secrets.py")
SIDECAR_UNIT = Path(__file__).resolve().parents[4] / "sidecar/systemd/ha-sidecar.service"


@click.command("render")
@click.argument("inventory", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.argument("out", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--check", is_flag=True, help="Write nothing; show what differs, exit 1 if any.")
@click.option(
    "--host",
    metavar="NAME",
    help="With --check: OUT is the root of this host, such as / on the host itself.",
)
@click.option("--force", is_flag=True, help="Write over files of OUT that were edited by hand.")
@click.option("--example", is_flag=True, help="Print an inventory to begin with.")
@click.pass_context
def command(
    context: click.Context,
    inventory: Path | None,
    out: Path | None,
    check: bool,
    host: str | None,
    force: bool,
    example: bool,
) -> None:
    """From one file to a cluster: write each host's files and a plan in words into OUT.

    INVENTORY says which hosts there are; docs/inventory.md has its settings. OUT/HOST/ holds what
    belongs at / of that host, OUT/PLAN.md what to do with it. No file holds a secret.
    """
    if example:
        click.echo(EXAMPLE.read_text(encoding="utf-8"), nl=False)
        return
    if inventory is None or out is None:
        raise click.UsageError("name the inventory and a directory: odoo-ha render cluster.yml OUT")
    if host is not None and not check:
        raise click.UsageError("--host is for --check")
    given = read(inventory)
    files = tree.tree(rendering(given))
    if check:
        context.exit(_check(out, files, given, host))
    written = tree.write(out, files, force=force)
    _tell(given, out, written)


def rendering(inventory: Inventory) -> Rendering:
    """The rendering with this checkout's own programs."""
    try:
        return render(
            inventory,
            starter=STARTER.read_text(encoding="utf-8"),
            sidecar_unit=SIDECAR_UNIT.read_text(encoding="utf-8"),
        )
    except OSError as error:
        raise SetupError(f"{error.filename} is missing: this checkout is incomplete") from None


def _check(out: Path, files: dict[str, RenderedFile], given: Inventory, host: str | None) -> int:
    """0 when what is below `out` is what would be written."""
    if not out.is_dir():
        raise SetupError(f"{out} is no directory")
    if host is not None:
        if host not in given.hosts:
            raise SetupError(f"--host {host}: there are {', '.join(given.hosts)}")
        files = {
            path.removeprefix(f"{host}/"): file
            for path, file in files.items()
            if path.startswith(f"{host}/")
        }
    found = list(tree.differences(out, files))
    if host is None:
        found += tree.leftovers(out, files)
    for text in found:
        click.echo(text, nl=False)
    said = f"{len(found)} differences" if found else "as the inventory says"
    click.echo(f"odoo-ha: {len(files)} files looked at in {out}: {said}", err=True)
    return 1 if found else 0


def _tell(given: Inventory, out: Path, written: tree.Written) -> None:
    for mark, paths in (("+", written.new), ("~", written.changed), ("-", written.removed)):
        for path in paths:
            click.echo(f"{mark} {path}", err=True)
    click.echo(
        f"odoo-ha: {len(given.hosts)} hosts in {out}: {len(written.new)} files new,"
        f" {len(written.changed)} changed, {len(written.removed)} removed, {written.same} as before",
        err=True,
    )
    for text in _warnings(given):
        click.echo(f"odoo-ha: note: {text}", err=True)
    click.echo(f"odoo-ha: what to do with them, step by step: {out / tree.PLAN}", err=True)


def _warnings(given: Inventory) -> list[str]:
    """What is allowed, and should be known."""
    found = []
    if given.tls is None:
        found.append("without tls.certificate users' passwords cross the network unencrypted")
    if len(given.with_role("balancer")) == 1:
        found.append("there is one balancer: its loss is an outage")
    elif given.balancer.virtual_address is None:
        found.append(
            "no balancer.virtual_address: something else must lead users to a live balancer"
        )
    if given.postgresql.replication == "quorum":
        found.append("the drills are run with replication: synchronous, not with quorum")
    if given.balancer.software != "haproxy":
        found.append(
            f"the drills are run with HAProxy, not with {given.balancer.software}: see docs/inventory.md"
        )
    if given.firewall.enabled and given.firewall.ssh_from == ["0.0.0.0/0"]:
        found.append("firewall.ssh_from lets SSH in from everywhere")
    return found
