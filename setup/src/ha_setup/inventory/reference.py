"""Draws docs/inventory.md from the declarations: ``python -m ha_setup.inventory.reference``."""

from __future__ import annotations

import sys

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ha_setup.inventory.loading import section_of
from ha_setup.inventory.model import Inventory

HEAD = """\
# The inventory

<!-- Drawn by `python -m ha_setup.inventory.reference > docs/inventory.md`; don't edit it by hand. -->

`odoo-ha render cluster.yml OUT` reads this one file. `odoo-ha render --example` prints one to begin with:
the smallest recommended cluster. Durations have a unit (`500ms`, `60s`, `2m`), and sizes too (`512MB`, `8GB`).
What can't be used is refused with its line, the reason and the remedy, all of it at once, and nothing is
written. No secret stands in the inventory, nor in any rendered file: it names files on the hosts.
"""

TAIL = """
## What is refused

Two hosts with one address; a role that nobody has, or too few have; an even number of etcd members or
Sentinels; an RPO of 0 with asynchronous replication or a single replica; a `hold_timeout` that isn't below the
balancer's `request_timeout` and Odoo's `limit_time_real`, or is below 30 s, which a failover may take; a
`queue_timeout` below it; a virtual address that a host has, or outside a balancer's network; an unknown key;
a secret's value.

## nginx and Traefik

HAProxy is what the drills are run with. The others are for those who have them, not drilled, and do less:

| | HAProxy | nginx | Traefik |
|---|---|---|---|
| looks whether nodes are well | each second | no: a failed request takes a node out for 2 s | each second |
| more requests than workers | queue in HAProxy, and go to whichever node is free | queue in each Odoo | queue in each Odoo |
| a node dies with requests under way | sent again, done once | sent again with the same id; not if its host vanished without a word | errors, to be tried again |
| is its file checked by tests | `haproxy -c`, and drills | `nginx -t` | as YAML only |

Quorum replication is rendered as Patroni documents it, and not drilled.

## How secrets get into configurations

Each is a file of root on the host. systemd hands it to the one service that needs it (`LoadCredential=`), and a
small program, `start-with-secrets`, puts it in the place of `@{name}` in a copy of the configuration below
`/run`, which that service alone can read. Redis and its Sentinels rewrite their configuration: theirs is copied
once, to `/var/lib`.
"""


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD, "\n## The file\n", _table(Inventory)]
    for name, declared in Inventory.model_fields.items():
        section = section_of(declared.annotation)
        if section is not None:
            title = f"{name}.<name>" if name == "hosts" else name
            parts += [f"\n## `{title}`\n\n{section.__doc__}\n", _table(section)]
    return "\n".join([*parts, TAIL]).rstrip() + "\n"


def _table(section: type[BaseModel]) -> str:
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, declared in section.model_fields.items():
        inner = section_of(declared.annotation)
        if inner is not None and declared.description is None:
            about = f"See [below](#{name})."
        else:
            about = (declared.description or "").replace("|", "/")
        rows.append(f"| `{name}` | {_default(declared)} | {about} |")
    return "\n".join(rows)


def _default(declared: FieldInfo) -> str:
    example = str(declared.examples[0]) if declared.examples else ""
    if section_of(declared.annotation) is not None:
        return "required" if declared.is_required() else ""
    if declared.is_required():
        return f"required, e.g. `{example}`" if example else "required"
    value = declared.default
    if value is None or value == []:
        return f"e.g. `{example}`" if example else ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(value)}]`"
    # Durations and sizes are told as they are written.
    return f"`{example}`" if example else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
