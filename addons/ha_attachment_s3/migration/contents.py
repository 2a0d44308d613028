"""What is known of one attachment's content, and the content."""

import hashlib

from odoo.addons.ha_base.settings import current

from ..bucket import bucket
from ..errors import ObjectDamaged, StorageUnavailable
from ..location import Location, is_remote
from ..placement import Facts
from ..settings import Settings
from .rows import Row


def content_of(location: Location) -> bytes:
    """As :meth:`Bucket.get`, and the cache need not hold what is read once."""
    try:
        return bucket().look(location)
    except (ObjectDamaged, StorageUnavailable):
        return bucket().get(location)


def place_of(row: Row) -> str:
    """``db``, ``s3`` or ``file``."""
    if not row.store_fname:
        return "db"
    return "s3" if is_remote(row.store_fname) else "file"


def facts_of(row: Row) -> Facts:
    """What the rules ask."""
    return Facts(
        url=row.url,
        model=row.res_model,
        field=row.res_field,
        mimetype=row.mimetype,
        size=row.file_size,
    )


def bucket_of(row: Row) -> str:
    """The bucket where it belongs."""
    return str(current(Settings).bucket_of(row.company_id))


def is_intact(row: Row, content: bytes) -> bool:
    """Whether it is the content that Odoo stored: its SHA-1 is in the row."""
    if not row.checksum:
        return len(content) == row.file_size
    return hashlib.sha1(content, usedforsecurity=False).hexdigest() == row.checksum
