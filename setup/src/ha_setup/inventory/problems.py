"""What is wrong with an inventory, with the line it stands on."""

from __future__ import annotations

from dataclasses import dataclass

from ha_setup.errors import SetupError

#: Where something stands in the inventory: keys, and positions in lists.
Where = tuple[str | int, ...]


class InventoryError(SetupError):
    """The inventory cannot be used; the message names file, line, reason and remedy of each problem."""


@dataclass(frozen=True)
class Problem:
    """`text` says what is wrong and what to do; the line is looked up by `where`."""

    where: Where
    text: str


def dotted(where: Where) -> str:
    """`hosts.pg1.roles[0]` of ("hosts", "pg1", "roles", 0)."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
