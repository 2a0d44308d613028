"""YAML with the line of each value. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from ha_setup.inventory.problems import InventoryError, Problem, Where

DEEPEST = 20


@dataclass
class Document:
    """What a YAML text says: `data`, and on which line each part of it begins."""

    data: Any = None
    lines: dict[Where, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, where: Where) -> int:
        """The line of the nearest part around `where` that the text has."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)


def parse(text: str, file: str) -> Document:
    """Raises InventoryError when the text isn't YAML."""
    loader = yaml.SafeLoader(text)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise InventoryError(f"{file}:{line}: write it out: no * references")
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InventoryError(f"{file}:{line}: this isn't YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise InventoryError(f"{file}:1: this isn't YAML: {error}") from None
    document = Document()
    if node is not None:
        document.data = _value(loader, node, (), document)
    return document


def _value(loader: yaml.SafeLoader, node: yaml.Node, where: Where, document: Document) -> Any:
    document.lines.setdefault(where, node.start_mark.line + 1)
    if len(where) > DEEPEST:
        document.problems.append(Problem(where, "this is nested too deeply"))
        return None
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            below = (*where, name)
            line = key.start_mark.line + 1
            if name in found:
                document.lines[(*where, name, "again")] = line
                document.problems.append(
                    Problem(
                        (*where, name, "again"),
                        f"{name} stands here for the second time, first on line"
                        f" {document.lines[below]}: give it another name, or remove one",
                    )
                )
                continue
            document.lines[below] = line
            found[name] = _value(loader, value, below, document)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, v, (*where, i), document) for i, v in enumerate(node.value)]
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError):
        return node.value
