"""What outages cost this node's users, second by second, over all of its processes.

A process adds what it counted at the end of a request, and only if something was: between outages
nothing is written. Pure but for the shared file's memory and lock.
"""

import fcntl
import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from .shared import own_way_to

#: The second, then what was counted in it: held, held_seconds, replayed, resolved, unanswered.
_ROW = struct.Struct("=qqdqqq")
#: Twenty minutes; a row is written over by the one of twenty minutes later.
ROWS = 1200
SIZE = ROWS * _ROW.size
NAMES = ("held", "held_seconds", "replayed", "resolved", "unanswered")
#: Seconds after an outage in which what it cost is still being counted.
_AFTERMATH = 30.0

Counted = tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """What was counted in one second (Unix time)."""

    second: int
    counted: Counted


class Ledger:
    """The file, as one of the node's processes sees it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._table = mmap.mmap(descriptor, SIZE)
        self._before: Counted = (0.0,) * len(NAMES)

    def bring(self, counted: Counted, now: float) -> None:
        """Add what this process counted since it brought something last."""
        if counted == self._before:
            return
        second = int(now)
        offset = second % ROWS * _ROW.size
        with open(own_way_to(self._descriptor), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # keeps this process's other threads out, too
            more = [new - old for new, old in zip(counted, self._before, strict=True)]
            self._before = counted
            then, *there = _ROW.unpack_from(self._table, offset)
            if then != second:
                there = [0] * len(NAMES)
            held, seconds, *rest = (old + new for old, new in zip(there, more, strict=True))
            _ROW.pack_into(self._table, offset, second, int(held), seconds, *map(int, rest))

    def rows(self) -> list[Row]:
        """Those in which something was counted, oldest first."""
        found = (_ROW.unpack_from(self._table, at) for at in range(0, len(self._table), _ROW.size))
        return sorted(
            (Row(second, tuple(rest)) for second, *rest in found if second), key=lambda r: r.second
        )


def cost(rows: Iterable[Row], began: float, ended: float, until: float) -> dict[str, float]:
    """What an outage from ``began`` to ``ended`` (Unix times) cost; ``until``: when the next began."""
    last = min(ended + _AFTERMATH, until)
    counted = [row.counted for row in rows if int(began) <= row.second < last]
    sums = [sum(one[place] for one in counted) for place in range(len(NAMES))]
    return {name: round(value, 1) for name, value in zip(NAMES, sums, strict=True)}
