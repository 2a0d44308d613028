"""The inventory: one YAML file that says of which hosts a cluster consists. Pure but for reading it.

`read` answers an `Inventory` that can be relied on, or raises InventoryError with every problem:
the file, the line, what is wrong and what to do.
"""

from __future__ import annotations

from pathlib import Path

from ha_setup.inventory.loading import load
from ha_setup.inventory.model import Host, Inventory
from ha_setup.inventory.problems import InventoryError

EXAMPLE = Path(__file__).with_name("example.yml")

__all__ = ["EXAMPLE", "Host", "Inventory", "InventoryError", "load", "read"]


def read(file: Path) -> Inventory:
    """Load `file`. Raises InventoryError."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InventoryError(f"{file} can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InventoryError(f"{file} isn't text in UTF-8") from None
    return load(text, str(file))
