"""The answer of a request, as it is kept beside its marker. Pure.

One line of JSON (status and headers), then the body.
"""

import json
from collections.abc import Sequence

#: Bytes of a body that is kept; more is not worth its place in each replica's WAL.
LARGEST_BODY = 64 << 10

Headers = Sequence[tuple[str, str]]


def encode(
    status: int, headers: Headers, body: bytes, *, session_cookie: str | None
) -> bytes | None:
    """None for what must not be kept: a large answer, and one that hands a new session out (its
    cookie is a secret).

    :param session_cookie: the ``session_id`` that the client sent
    """
    if len(body) > LARGEST_BODY:
        return None
    kept = []
    for name, value in headers:
        if name.lower() != "set-cookie":
            kept.append([name, value])
        elif value.startswith("session_id=") and not value.startswith(
            f"session_id={session_cookie};"
        ):
            return None
    return json.dumps([status, kept]).encode() + b"\n" + body


def decode(kept: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """``(status, headers, body)``"""
    head, _, body = kept.partition(b"\n")
    status, headers = json.loads(head)
    return status, [(name, value) for name, value in headers], body
