"""The small language of checks: Python expressions over JSON values, evaluated without ``eval``. Pure.

What there is: constants, names, ``a.b`` and ``a["b"]`` of objects, ``a[0]`` of lists, ``and or not``,
comparisons with ``in`` and ``is None``, ``+ - * / // %``, ``x if y else z``, lists, comprehensions, and the
functions in ``FUNCTIONS``. Whatever else the text holds is refused before anything is evaluated.

A value of None is a fact that nobody knows: what is made of it is unknown, too (``Unknown``), except
by ``is None`` and ``is not None``. ``and`` and ``or`` go by what is known (``unknown or True`` is True),
and a comprehension leaves unknown elements out, unless that leaves nothing.

Nothing of Python can be reached: a dot looks into an object of JSON and nowhere else, and only the
functions of the table can be called. An evaluation ends after ``MOST_STEPS``.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

#: Characters of an expression, and operations of one evaluation.
MOST_CHARACTERS = 1000
MOST_STEPS = 20_000
#: Levels of nesting; Python's own stack ends far beyond.
_DEEPEST = 40

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs, "all": all, "any": any, "len": len, "max": max, "min": min, "round": round, "sum": sum,
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda one, many: one in many, ast.NotIn: lambda one, many: one not in many,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos, ast.USub: operator.neg,
}  # fmt: skip
_LEAVES = (
    ast.Constant, ast.Name, ast.Load, ast.Store, ast.boolop, ast.cmpop, ast.operator, ast.unaryop,
)  # fmt: skip
_FORMS = (
    ast.Expression, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.IfExp, ast.Attribute,
    ast.Subscript, ast.Call, ast.List, ast.Tuple, ast.ListComp, ast.GeneratorExp, ast.comprehension,
)  # fmt: skip


class ExpressionError(ValueError):
    """The expression can't be evaluated; the text says why, in words for people."""


class Unknown(Exception):
    """It depends on a fact that nobody knows; the text names it."""


class Expression:
    """One expression, checked. Raises ExpressionError when it holds what isn't allowed."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > MOST_CHARACTERS:
            raise ExpressionError(f"it is longer than {MOST_CHARACTERS} characters")
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise ExpressionError(f"it is no expression: {getattr(error, 'msg', error)}") from None
        _admit(tree, 0)
        self._tree = tree.body

    def value(self, names: Mapping[str, Any]) -> Any:
        """Evaluate it over ``names``. Raises Unknown, ExpressionError."""
        try:
            return _Evaluation(names).of(self._tree)
        except (TypeError, ValueError, ArithmeticError, KeyError, IndexError) as error:
            if isinstance(error, ExpressionError):
                raise
            raise ExpressionError(str(error) or type(error).__name__) from None

    def holds(self, names: Mapping[str, Any]) -> bool:
        """The same, as whether it is so."""
        value = self.value(names)
        if value is None:
            raise Unknown("the value")
        return bool(value)


def _admit(node: ast.AST, depth: int) -> None:
    if depth > _DEEPEST:
        raise ExpressionError("it is nested too deeply")
    if not isinstance(node, (*_LEAVES, *_FORMS)) or isinstance(node, (ast.Pow, ast.MatMult)):
        raise ExpressionError(f"{_words(node)} is not allowed here")
    if isinstance(node, ast.BinOp) and type(node.op) not in _ARITHMETIC:
        raise ExpressionError(f"{_words(node.op)} is not allowed here")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        raise ExpressionError("~ is not allowed here")
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
            raise ExpressionError(
                f"only these functions can be called: {', '.join(sorted(FUNCTIONS))}"
            )
        if any(isinstance(each, ast.Starred) for each in node.args):
            raise ExpressionError("* is not allowed here")
    if isinstance(node, ast.Constant) and not isinstance(
        node.value, (str, bool, int, float, type(None))
    ):
        raise ExpressionError(f"{node.value!r} is not allowed here")
    if isinstance(node, ast.comprehension) and (
        node.is_async or not isinstance(node.target, ast.Name)
    ):
        raise ExpressionError("a comprehension has one name")
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.Call) and child is node.func):
            _admit(child, depth + 1)


def _words(node: ast.AST) -> str:
    return {
        "Lambda": "lambda", "Pow": "**", "JoinedStr": "an f-string", "NamedExpr": ":=",
        "Await": "await", "Dict": "a dict", "Starred": "*", "Slice": "a slice",
    }.get(type(node).__name__, type(node).__name__)  # fmt: skip


class _Evaluation:
    """One evaluation, which counts its steps."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._scopes: list[Mapping[str, Any]] = [names]
        self._steps = 0

    def of(self, node: ast.expr) -> Any:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise ExpressionError(f"it takes more than {MOST_STEPS} steps")
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self._name(node.id)
            case ast.Attribute():
                return _member(self._known(node.value), node.attr, ast.unparse(node.value))
            case ast.Subscript():
                return _item(self._known(node.value), self._known(node.slice))
            case ast.BoolOp():
                return self._junction(node)
            case ast.UnaryOp(op=ast.Not()):
                return not self._known(node.operand)
            case ast.UnaryOp():
                return _SIGNS[type(node.op)](self._number(node.operand))
            case ast.BinOp():
                return self._calculation(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.IfExp():
                return self.of(node.body if self._known(node.test) else node.orelse)
            case ast.List() | ast.Tuple():
                return [self.of(each) for each in node.elts]
            case ast.ListComp() | ast.GeneratorExp():
                return list(self._elements(node.elt, node.generators))
            case ast.Call(func=ast.Name(id=function)):
                return FUNCTIONS[function](*[self._known(each) for each in node.args])
        raise ExpressionError(f"{_words(node)} is not allowed here")

    def _known(self, node: ast.expr) -> Any:
        """The value of a part that something is made of."""
        value = self.of(node)
        if value is None:
            raise Unknown(ast.unparse(node))
        return value

    def _name(self, name: str) -> Any:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        if name in FUNCTIONS:
            raise ExpressionError(f"{name} is a function: {name}(…)")
        raise ExpressionError(f"there is no {name}; there are {', '.join(sorted(self._scopes[0]))}")

    def _number(self, node: ast.expr) -> Any:
        value = self._known(node)
        if not isinstance(value, (int, float)):
            raise ExpressionError(f"{ast.unparse(node)} is no number")
        return value

    def _calculation(self, node: ast.BinOp) -> Any:
        # Of numbers alone: a text times a number could be as long as memory.
        return _ARITHMETIC[type(node.op)](self._number(node.left), self._number(node.right))

    def _junction(self, node: ast.BoolOp) -> bool:
        decisive = isinstance(node.op, ast.Or)
        unknown: Unknown | None = None
        for each in node.values:
            try:
                if bool(self._known(each)) is decisive:
                    return decisive
            except Unknown as error:
                unknown = unknown or error
        if unknown is not None:
            raise unknown
        return not decisive

    def _comparison(self, node: ast.Compare) -> bool:
        left = node.left
        for sign, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(sign, (ast.Is, ast.IsNot)):
                if not (isinstance(right, ast.Constant) and right.value is None):
                    raise ExpressionError("`is` is for None alone; use ==")
                first, second = self.of(left), None
            else:
                first, second = self._known(left), self._known(right)
            if not _COMPARISONS[type(sign)](first, second):
                return False
            left = right
        return True

    def _elements(
        self, element: ast.expr, generators: Sequence[ast.comprehension]
    ) -> Iterator[Any]:
        (generator, *further) = generators
        many = self._known(generator.iter)
        if not isinstance(many, list):
            raise ExpressionError(f"{ast.unparse(generator.iter)} is no list")
        found, unknown = 0, None
        assert isinstance(generator.target, ast.Name)
        for one in many:
            self._scopes.append({generator.target.id: one})
            try:
                if not all(self._known(condition) for condition in generator.ifs):
                    continue
                if further:
                    elements = list(self._elements(element, further))
                else:
                    elements = [self._known(element)]
            except Unknown as error:
                unknown = error
                continue
            finally:
                self._scopes.pop()
            found += 1
            yield from elements
        if unknown is not None and not found:
            raise unknown


def _member(holder: Any, name: str, text: str) -> Any:
    if not isinstance(holder, Mapping):
        raise ExpressionError(f"{text} has no {name}: it is {type(holder).__name__}")
    if name not in holder:
        raise ExpressionError(f"{text} has no {name}; it has {', '.join(sorted(holder))}")
    return holder[name]


def _item(holder: Any, index: Any) -> Any:
    if isinstance(holder, Mapping):
        return _member(holder, str(index), "it")
    if isinstance(holder, list) and isinstance(index, int) and not isinstance(index, bool):
        return holder[index]
    raise ExpressionError("[…] is for lists and objects")
