"""Did this statement write? Judged by what the server said it did, so reads cost nothing. Pure.

A transaction that is taken for a writing one though it only read costs a marker row. The other
mistake is kept out but for one case, which the readme names: a SELECT of a database function that
writes.
"""

import re

_READING_TAGS = (
    "SELECT",
    "SET",
    "SHOW",
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "LISTEN",
    "UNLISTEN",
    "DISCARD",
    "DECLARE",
    "FETCH",
    "MOVE",
    "CLOSE",
    "EXPLAIN",
    "RESET",
    "LOCK",
)
#: In a statement answered with SELECT: a data-modifying WITH, or functions that are known to write.
_WRITING_WORDS = re.compile(
    rb"\b(?:insert\s+into|update|delete\s+from|merge\s+into|nextval|setval|pg_notify|lo_\w+)\b",
    re.IGNORECASE,
)


def wrote(tag: str | None, query: bytes | None) -> bool:
    """:param tag: the command tag the server answered, such as ``INSERT 0 1``
    :param query: the statement as sent
    """
    if not tag:
        return True
    if not tag.startswith(_READING_TAGS):
        return True
    return tag.startswith("SELECT") and bool(query and _WRITING_WORDS.search(query))
