"""The rollout's file: which nodes, and by which commands; every key declared once. Pure but for reading it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ha_setup.errors import SetupError
from ha_setup.inventory import Inventory, kinds
from ha_setup.inventory.problems import Where, dotted
from ha_setup.inventory.source import parse
from ha_setup.rollout.state import Plan

_WORDS = re.compile(r"\{([^{} ]*)\}")


def _command(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"a command with its quotes closed ({error})") from None
    if not words:
        raise ValueError("a command")
    if wrong := {name for name in _WORDS.findall(text) if name in ("host", "name", "ip")}:
        raise ValueError(f"a command with {{node}} or {{address}}, not {{{wrong.pop()}}}")
    return text


Command = Annotated[str, AfterValidator(_command)]


class Section(BaseModel):
    """A part of the file. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Node(Section):
    """One Odoo node."""

    address: kinds.Address


class Commands(Section):
    """Run here, without a shell, with `{node}` and `{address}` replaced. Each may be given a second time,
    when a rollout is gone on with; exit code 0 means that it is done."""

    drain: Command
    stop: Command
    upgrade: Command
    start: Command
    undrain: Command
    undo: Command | None = None
    migrate: Command | None = None


class Rollout(Section):
    """The whole file."""

    nodes: dict[str, Node]
    commands: Commands
    http_port: Annotated[int, Field(ge=1, le=65535)] = 8069
    health_port: Annotated[int, Field(ge=1, le=65535)] = 8072
    host: str = "localhost"
    database: str | None = None
    token_file: Path | None = None
    settle: kinds.Duration = 10.0
    idle_limit: kinds.Duration = 180.0
    start_limit: kinds.Duration = 300.0
    spare_limit: kinds.Duration = 120.0
    command_limit: kinds.Duration = 1800.0

    @model_validator(mode="after")
    def _addresses_differ(self) -> Self:
        by_address: dict[str, str] = {}
        for name, node in self.nodes.items():
            if (other := by_address.setdefault(node.address, name)) != name:
                raise ValueError(f"nodes with an address each: {other} and {name} have the same")
        return self

    @property
    def plan(self) -> Plan:
        return Plan(
            settle=self.settle,
            idle_limit=self.idle_limit,
            start_limit=self.start_limit,
            spare_limit=self.spare_limit,
            migrates=self.commands.migrate is not None,
            can_undo=self.commands.undo is not None,
        )

    def argv(self, node: str, name: str) -> list[str]:
        """The words of the node's command of that name; KeyError when the file has none."""
        template = getattr(self.commands, name)
        if template is None:
            raise KeyError(name)
        known = {"{node}": node, "{address}": self.nodes[node].address}
        words = shlex.split(template)
        for placeholder, value in known.items():
            words = [word.replace(placeholder, value) for word in words]
        return words


def read(file: Path) -> Rollout:
    """Raises SetupError with every problem: file, line, reason, remedy."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"{file} can't be read ({error}); `odoo-ha rollout --example` prints one"
        ) from None
    return loads(text, str(file))


def loads(text: str, file: str) -> Rollout:
    """`file` is its name for messages. Raises SetupError."""
    document = parse(text, file)
    problems = [f"{file}:{document.line(p.where)}: {p.text}" for p in document.problems]
    found = None
    if not isinstance(document.data, dict):
        raise SetupError(f"{file}:1: a rollout begins with nodes: and commands:")
    try:
        found = Rollout.model_validate(document.data)
    except ValidationError as error:
        for each in error.errors():
            where: Where = tuple(each["loc"])
            name = dotted(where) or "the file"
            match each["type"]:
                case "extra_forbidden":
                    said = f"{name} is no setting: see `odoo-ha rollout --example`"
                case "missing":
                    said = f"{name} is missing: see `odoo-ha rollout --example`"
                case "value_error":
                    said = f"{name} should be {each['ctx']['error']}"
                case _:
                    said = f"{name}: {each['msg']}"
            problems.append(f"{file}:{document.line(where)}: {said}")
    if problems or found is None:
        raise SetupError("the rollout can't be begun:\n" + "\n".join(problems))
    return found


def example(inventory: Inventory) -> str:
    """The file for the cluster that `odoo-ha render` made of this inventory. Pure."""
    nodes = "\n".join(
        f"  {name}: {{address: {host.address}}}"
        for name, host in inventory.with_role("odoo").items()
    )
    return f"""\
# How `odoo-ha rollout` brings a new version to one Odoo node after the other.
nodes:
{nodes}

# Run here, without a shell; {{node}} and {{address}} are replaced. Exit code 0 means done. Each must be fit
# to be given twice.
commands:
  drain: ssh root@{{address}} ha-sidecar drain --config /etc/odoo-ha/sidecar.toml
  stop: ssh root@{{address}} systemctl stop odoo
  upgrade: ssh root@{{address}} /usr/local/sbin/upgrade-odoo      # yours: new code, packages, settings
  start: ssh root@{{address}} systemctl start odoo
  undrain: ssh root@{{address}} ha-sidecar undrain --config /etc/odoo-ha/sidecar.toml
  # undo: ssh root@{{address}} /usr/local/sbin/downgrade-odoo     # what brings the old version back
  # Changes the schema; run once, on the first node, while the others serve with the old code:
  # migrate: ssh root@{{address}} odoo -c /etc/odoo/odoo.conf -u my_module --stop-after-init --no-http

# How a node is asked: http://address:health_port/web/health, and for pages http_port.
http_port: 8069
health_port: 8072
host: {inventory.balancer.domain or "localhost"}
database: {inventory.odoo.database}
# token_file: /etc/odoo-ha/health.token   # Odoo's health_token: then it is known how many requests are under way

settle: 10s          # longer than balancers take to see that a node is drained
idle_limit: 180s     # a request under way ends within limit_time_real
start_limit: 300s
"""
