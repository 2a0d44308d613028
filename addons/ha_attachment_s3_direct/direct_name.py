"""How the ``url`` of an attachment names a directly uploaded file. Pure.

``s3://<bucket>/<prefix>/direct/<attachment id>/<32 random hexadecimals>/<size in bytes>``, without the
file's name: names may hold anything, and the signed link says it. The random part makes the key one
that nobody can guess, the size is what the signed upload is bound to (0: the browser didn't say).
"""

import re
import secrets
from dataclasses import dataclass

from odoo.addons.ha_attachment_s3.location import SCHEME

_URL = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]+)"
    r"/(?P<key>(?P<prefix>[^/]+(?:/[^/]+)*)/direct/\d+/[0-9a-f]{32}/(?P<size>\d+))"
)


@dataclass(frozen=True)
class DirectName:
    """One object that a browser uploaded, or was invited to."""

    bucket: str
    key: str
    size: int

    @property
    def url(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    @property
    def store_fname(self) -> str:
        """As an object of ha_attachment_s3's says where it is."""
        return self.url


def invent(bucket: str, prefix: str, attachment: int, size: int) -> DirectName:
    """A name that was never given out before."""
    return DirectName(bucket, f"{prefix}/direct/{attachment}/{secrets.token_hex(16)}/{size}", size)


def parse(url: object) -> DirectName | None:
    """None when it names no directly uploaded file."""
    match = _URL.fullmatch(url) if isinstance(url, str) else None
    if not match or ".." in match["prefix"].split("/"):
        return None
    return DirectName(match["bucket"], match["key"], int(match["size"]))


def declared_size(text: object) -> int:
    """The size that a browser says its file has; 0 when it says nothing sensible."""
    return int(text) if isinstance(text, str) and re.fullmatch(r"[0-9]{1,15}", text) else 0
