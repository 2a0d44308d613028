"""From YAML to a checked Inventory; every problem at once, each with its line. Pure."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ha_setup.inventory.model import Inventory
from ha_setup.inventory.problems import InventoryError, Problem, Where, dotted
from ha_setup.inventory.rules import problems as broken_rules
from ha_setup.inventory.source import Document, parse

#: Words that tell a secret by its name: its value is never repeated.
SECRET_WORDS = ("password", "passwd", "secret", "token")


def load(text: str, file: str) -> Inventory:
    """Return the inventory that `text` is; `file` is its name for messages. Raises InventoryError."""
    document = parse(text, file)
    found = list(document.problems)
    inventory = None
    if isinstance(document.data, dict):
        try:
            inventory = Inventory.model_validate(document.data)
        except ValidationError as error:
            found += [_problem(each, document.data) for each in error.errors()]
    else:
        found.append(Problem((), "an inventory begins with keys such as cluster: and hosts:"))
    if inventory is not None:
        found += broken_rules(inventory)
    if found or inventory is None:
        raise InventoryError(_message(found, document, file))
    return inventory


def _message(found: list[Problem], document: Document, file: str) -> str:
    lines = sorted({(document.line(each.where), each.text) for each in found})
    said = "\n".join(f"{file}:{line}: {text}" for line, text in lines)
    return f"the inventory can't be used:\n{said}"


def _problem(error: ErrorDetails, data: dict[str, Any]) -> Problem:
    where: Where = tuple(part for part in error["loc"] if part != "[key]")
    name = dotted(where)
    match error["type"]:
        case "extra_forbidden":
            return Problem(where, _unknown(where, data))
        case "missing":
            return Problem(where, f"{name} is missing: {_about(where)}")
        case "value_error":
            should = str(error["ctx"]["error"])
        case "model_type" | "dict_type":
            should = "a section: its settings indented below it"
        case "list_type":
            should = "a list, such as [a, b]"
        case _:
            should = error["msg"].removeprefix("Input should be ")
    shown = "" if _is_secret(where) else f" is {error['input']!r}," if _plain(error) else ""
    return Problem(where, f"{name}{shown} should be {should}")


def _plain(error: ErrorDetails) -> bool:
    return isinstance(error["input"], (str, int, float, bool)) and len(str(error["input"])) < 60


def _is_secret(where: Where) -> bool:
    name = dotted(where).lower()
    # An address may hold a password by mistake.
    return any(word in name for word in (*SECRET_WORDS, "s3.", "secrets."))


def _unknown(where: Where, data: dict[str, Any]) -> str:
    name = str(where[-1])
    known = list(_section(where[:-1], data).model_fields)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        hint = f"did you mean {near[0]}?"
    elif any(word in name.lower() for word in SECRET_WORDS):
        hint = "secrets stand in files on the hosts, which the section secrets names"
    else:
        hint = f"there are {', '.join(known)}"
    return f"{dotted(where)} is no setting; {hint}"


def _about(where: Where) -> str:
    """The words of a missing setting's declaration, with an example."""
    declared = _section(where[:-1], {}).model_fields.get(str(where[-1]))
    if declared is None:
        return "see docs/inventory.md"
    if declared.description is None:
        return "write this section, see `odoo-ha render --example`"
    example = f" Such as {declared.examples[0]}" if declared.examples else ""
    return declared.description + example


def _section(where: Where, data: dict[str, Any]) -> type[BaseModel]:
    """The declaration of the section at `where`."""
    section: type[BaseModel] = Inventory
    for part in where:
        declared = section.model_fields.get(str(part))
        if declared is None:
            continue  # a host's name
        section = section_of(declared.annotation) or section
    return section


def section_of(annotation: object) -> type[BaseModel] | None:
    """The section that a setting's type names, if it is one: itself, optional, or by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if found := section_of(part):
            return found
    return None
