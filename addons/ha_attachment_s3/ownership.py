"""Whose objects these are, when databases are copied. Pure.

Each key begins with the setting ``s3_prefix`` and then names its owner: the one database that
may delete below. The owner is PostgreSQL's system identifier and the database's oid, which
survive a failover and a renaming; every copy has others, whatever its name and ``database.uuid``
are: one by Odoo's duplicate, ``createdb --template``, pg_dump, or a restored backup.

A copy reads the objects of the original until it has its own (``odoo-ha attachments migrate --to
s3``). While it does it says so, in an object below the owner's ``borrowed-by/``, and the owner
keeps what is named there. :data:`BORROWED_FOR` after it was last said, it no longer counts: the
copy is gone.
"""

import re
from collections.abc import Iterable
from datetime import timedelta

BORROWED_FOR = timedelta(days=30)
#: Below the owner's prefix; a key that no content has.
BORROWERS = "borrowed-by"

_NAME = re.compile(r"s3://([^/]+)/((?:.+?/)?[0-9a-f]{16}-[0-9a-f]+)/(.+)")


def owner_of(system_identifier: int, oid: int) -> str:
    """The owner's name in keys."""
    return f"{system_identifier:016x}-{oid:x}"


def belongs_to(store_fname: str, owner: str) -> bool:
    """Whether this object is the owner's to delete."""
    match = _NAME.fullmatch(store_fname)
    return bool(match) and match[2].rpartition("/")[2] == owner


def borrowed(names: Iterable[str], owner: str) -> dict[tuple[str, str], list[str]]:
    """What of these objects belongs to other databases.

    :return: by bucket and prefix, the names below the prefix, in order
    """
    found: dict[tuple[str, str], list[str]] = {}
    for name in sorted(set(names)):
        match = _NAME.fullmatch(name)
        if match and match[2].rpartition("/")[2] != owner:
            found.setdefault((match[1], match[2]), []).append(match[3])
    return found


def place_of(store_fname: str) -> tuple[str, str] | None:
    """The bucket and the owner's prefix of an object; None where no owner is named."""
    match = _NAME.fullmatch(store_fname)
    return (match[1], match[2]) if match else None
