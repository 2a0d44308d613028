"""Which contents are kept where, although there is a bucket. Pure.

The rules are looked at in their order; the first that fits decides, and what none fits goes to
the bucket.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

#: What Odoo calls its storages, and ours.
STORAGES = ("db", "file", "s3")


@dataclass(frozen=True)
class Facts:
    """What is known of an attachment. A text that is None or empty: it has none."""

    url: str | None = None
    model: str | None = None
    field: str | None = None
    mimetype: str | None = None
    size: int = 0


@dataclass(frozen=True)
class Rule:
    """Contents that fit all of this are kept in ``storage``.

    The texts are patterns (``image/*``); one that is empty fits everything, ``*`` whatever is
    there at all. Sizes are bytes, both ends included; ``largest`` 0 is no limit.
    """

    storage: str
    url: str | None = None
    model: str | None = None
    field: str | None = None
    mimetype: str | None = None
    smallest: int = 0
    largest: int = 0

    def fits(self, facts: Facts) -> bool:
        texts = (
            (self.url, facts.url),
            (self.model, facts.model),
            (self.field, facts.field),
            (self.mimetype, facts.mimetype),
        )
        return (
            all(not pattern or (text and fnmatchcase(text, pattern)) for pattern, text in texts)
            and facts.size >= self.smallest
            and (not self.largest or facts.size <= self.largest)
        )


def storage_for(rules: Iterable[Rule], facts: Facts) -> str:
    """``db``, ``file`` or ``s3``."""
    return next((rule.storage for rule in rules if rule.fits(facts)), "s3")


def size_of(values: Mapping[str, Any]) -> int:
    """Bytes of the content in these values for create()."""
    raw, datas = values.get("raw"), values.get("datas")
    if raw:
        return len(raw.encode() if isinstance(raw, str) else raw)
    if not datas:
        return 0
    encoded = datas.encode() if isinstance(datas, str) else datas
    if b"\n" in encoded:
        return len(base64.b64decode(encoded))
    return len(encoded) * 3 // 4 - encoded[-2:].count(b"=")  # Odoo decodes it soon enough
