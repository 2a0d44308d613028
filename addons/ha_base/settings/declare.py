"""Declaration of a setting: default, parser and documentation at one place. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any


def setting(
    default: Any,
    parse: Callable[[str], Any],
    doc: str,
    *,
    example: str = "",
    secret: bool = False,
) -> Any:
    """A dataclass field that is a setting.

    :param default: the typed value when nothing is configured
    :param parse: turns text into the value; raises ``ValueError("what it should be")``
    :param doc: what it means, for people; units included
    :param example: text as it would stand in odoo.conf
    :param secret: never shown in a ``repr``, an error or the documentation
    """
    metadata = {"parse": parse, "doc": doc, "example": example, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Documented:
    """One row of the configuration reference."""

    name: str
    default: str
    doc: str
    example: str
    secret: bool


def documentation(settings: type) -> Iterator[Documented]:
    """The rows of the configuration reference for one declared dataclass."""
    for item in fields(settings):
        default = "" if item.default is None else str(item.default)
        if isinstance(item.default, bool):
            default = default.lower()
        elif isinstance(item.default, tuple):
            default = ", ".join(map(str, item.default))
        yield Documented(
            item.name,
            default,
            item.metadata["doc"],
            item.metadata["example"],
            item.metadata["secret"],
        )
