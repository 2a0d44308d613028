"""A request that may come a second time, as its attempts know it."""

from dataclasses import dataclass
from typing import Any

from odoo.addons.ha_base.settings import current

from ..settings import Settings
from . import key

#: What may be repeated anyway.
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass
class Request:
    """
    :param key: what it and its resubmission have in common
    :param dbname: where its marker is
    :param generation: number of the token that its next commit carries
    :param marked: a commit of the present attempt carried it
    """

    key: str
    dbname: str
    generation: int = 0
    marked: bool = False

    @property
    def token(self) -> str:
        return key.token(self.key, self.generation)


def request_of(sent: Any, dbname: str) -> Request | None:
    """
    :param sent: the HTTP request, as werkzeug has it
    """
    header = current(Settings).request_id_header
    if not header or sent.method in _SAFE_METHODS:
        return None
    found = key.request_key(
        sent.headers.get(header),
        dbname,
        # Who asks: nobody else may be given the answer.
        sent.cookies.get("session_id", ""),
        sent.headers.get("Authorization", ""),
        sent.method,
        sent.full_path,
    )
    return Request(found, dbname) if found else None
