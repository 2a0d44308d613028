"""Which markers a request writes, so that its resubmission finds them. Pure.

A request needs a second token only after its first was resolved to "never committed" (the row of
the resolution keeps that token for good): ``token(key, 0)``, then ``token(key, 1)`` and so on. At
most one of them is ever committed by the request.
"""

import hashlib
import uuid

#: A request is replayed so often at most with tokens of its own.
TOKENS = 16
_LONGEST_ID = 200


def request_key(request_id: str | None, *scope: str) -> str | None:
    """What a request and its resubmission have in common; None where there is no id.

    :param request_id: what the balancer says
    :param scope: what must be equal too: session, method, path. Without it whoever knows an id
        would get another's answer.
    """
    if not request_id or len(request_id) > _LONGEST_ID:
        return None
    parts = [request_id, *scope]
    told_apart = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(told_apart.encode()).hexdigest()


def token(key: str, generation: int) -> str:
    """The marker's token, a UUID."""
    digest = hashlib.sha256(f"{key}/{generation}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16]))


def generation(key: str, resolutions: dict[str, bool]) -> tuple[int, bool]:
    """``(number of the first token that isn't resolved to "never", whether it was committed)``.

    :param resolutions: token → is the row that of a resolution, for the tokens that have a row
    """
    for number in range(TOKENS):
        resolved = resolutions.get(token(key, number))
        if not resolved:
            return number, resolved is False
    return TOKENS, False
