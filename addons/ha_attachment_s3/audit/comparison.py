"""Compares what should be below a prefix with what is. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """An object that is referred to, and the size it should have."""

    key: str
    size: int


@dataclass(frozen=True)
class Listed:
    """An object that S3 lists; stored at this time, in seconds since 1970."""

    key: str
    size: int
    stored_at: float


@dataclass(frozen=True)
class Finding:
    """``missing``: referred to, not there; ``damaged``: of another size; ``orphan``: there, and
    not referred to."""

    kind: str
    key: str


def compare(
    wanted: Iterable[Wanted], listed: Iterable[Listed], *, before: float
) -> Iterator[Finding]:
    """Both come in the order of their keys, each key once. Holds one of each.

    :param before: what was stored later may be an object whose row isn't committed yet
    :raises ValueError: when the keys come in another order
    """
    rows, objects = iter(wanted), iter(listed)
    row, item = next(rows, None), next(objects, None)
    last = ""
    while row or item:
        key = min(one.key for one in (row, item) if one)
        if key <= last:
            raise ValueError(f"the keys are out of order: {key} after {last}")
        last = key
        here = item if item and item.key == key else None
        if row is None or row.key != key:
            if here and here.stored_at < before:
                yield Finding("orphan", key)
        elif here is None:
            yield Finding("missing", key)
        elif here.size != row.size:
            yield Finding("damaged", key)
        if row and row.key == key:
            row = next(rows, None)
        if here:
            item = next(objects, None)
