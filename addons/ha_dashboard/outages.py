"""One history of outages from what each node recorded of its own. Pure.

Sidecars see the same outage at slightly different moments. Where the moment is a proof (a new primary,
a first write) the earliest counts; where it must be true of every node (isolated, over) the latest.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from .ledger import NAMES

#: Seconds between what two nodes call the beginning of one outage without a promotion.
_SAME = 20.0
_EARLIEST = ("began_at", "elected_at", "promoted_at", "first_write_at")
_LATEST = ("isolated_at", "ended_at")

Outage = Mapping[str, Any]


def merge(recorded: Iterable[tuple[str, Outage]], most: int = 20) -> list[dict[str, Any]]:
    """The outages, newest first, from ``(node, its record)``.

    A cost is the sum over the nodes that know theirs; ``cost_nodes`` counts those, ``nodes`` all.
    """
    groups: list[list[Outage]] = []
    for _node, record in sorted(recorded, key=lambda one: (str(one[1]["began_at"]), one[0])):
        group = next((one for one in reversed(groups) if _is_same(one[0], record)), None)
        if group is None:
            groups.append([record])
        else:
            group.append(record)
    return [_merged(group) for group in reversed(groups)][:most]


def seconds(text: str | None) -> float | None:
    """An RFC 3339 time as Unix time."""
    return None if text is None else datetime.fromisoformat(text).timestamp()


def _is_same(one: Outage, other: Outage) -> bool:
    if one["timeline"] is not None and other["timeline"] is not None:
        return (one["timeline"], one["new"]) == (other["timeline"], other["new"])
    if one["old"] != other["old"] or one["old_timeline"] != other["old_timeline"]:
        return False
    began, began_too = seconds(one["began_at"]), seconds(other["began_at"])
    return abs((began or 0.0) - (began_too or 0.0)) <= _SAME


def _merged(group: list[Outage]) -> dict[str, Any]:
    # One that saw the promotion knows more than one that was started since.
    best = max(group, key=lambda record: sum(value is not None for value in record.values()))
    found = dict(best)
    for names, choose in ((_EARLIEST, min), (_LATEST, max)):
        for name in names:
            known = [record[name] for record in group if record.get(name)]
            found[name] = choose(known) if known else None
    if any(record["ended_at"] is None for record in group):
        found["ended_at"] = None
    costs = [record["cost"] for record in group if record.get("cost")]
    found["cost"] = {name: sum(one[name] for one in costs) for name in NAMES} if costs else None
    return {**found, "cost_nodes": len(costs), "nodes": len(group)}
