"""What Redis and PostgreSQL agree on when they keep session documents. Pure."""

import hashlib
from typing import NamedTuple


class Verdict(NamedTuple):
    """What became of a document that was to be written.

    ``saved``; ``ended`` (``number``: seconds since); ``rotated`` (``rest`` of the next sid,
    ``number``: milliseconds that the old one has left, below 0 when it is gone); ``foreign`` (the
    identifier is known, this sid isn't); ``unknown`` (it was stored once, this store lost it).
    """

    word: str
    rest: str = ""
    number: int = 0


def digest(sid: str) -> bytes:
    """What PostgreSQL knows a sid by: whoever reads the table can't take a session over."""
    return hashlib.sha256(sid.encode()).digest()


def seal(sid: str, rest: bytes) -> bytes:
    """Hide the rest of the next sid from all who don't have the old one; the same call opens it.

    A sid is rotated once, so its stream of bytes hides one text only.
    """
    stream = hashlib.shake_256(b"the sid after " + sid.encode()).digest(len(rest))
    return bytes(a ^ b for a, b in zip(rest, stream, strict=True))
