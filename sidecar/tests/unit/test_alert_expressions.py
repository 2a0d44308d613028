"""The language of checks: what it can say, what is refused, and what is made of unknown facts."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ha_sidecar.alerts.expression import Expression, ExpressionError, Unknown

STATE: dict[str, Any] = {
    "state": "stable", "lag": 7, "nothing": None, "text": "a",
    "primary": {"name": "pg1", "port": 5432, "timeline": None},
    "nodes": [{"name": "a", "redis": True, "leads": 1}, {"name": "b", "redis": None, "leads": None}],
    "blind": [{"redis": None}], "empty": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("lag > 5 and state == 'stable'", True),
        ("not lag", False),
        ("primary.name in ['pg1', 'pg2']", True),
        ("primary['port'] + 1", 5433),
        ("nodes[0].name", "a"),
        ("1 < lag <= 7", True),
        ("nothing is None", True),
        ("primary.timeline is not None", False),
        # What is known decides.
        ("nothing or lag > 5", True),
        ("nothing and lag > 9", False),
        ("any(not n.redis for n in nodes)", False),
        ("sum(n.leads for n in nodes)", 1),
        ("len([n for n in nodes if n.name == 'b'])", 1),
        ("all(n.redis for n in empty)", True),
        ("'high' if lag > 5 else 'low'", "high"),
        ("-lag // 2", -4),
        ("any(m.name == n.name for n in nodes for m in nodes)", True),
    ],
)
def test_it_says(text: str, value: object) -> None:
    assert Expression(text).value(STATE) == value


@pytest.mark.parametrize(
    "text",
    ["nothing > 1", "not nothing", "lag > primary.timeline", "nothing or lag > 9", "nothing and lag",
     "any(not n.redis for n in blind)", "nodes[1].redis", "sum(b.redis for b in blind) == 0"],
)  # fmt: skip
def test_what_depends_on_an_unknown_fact_is_unknown(text: str) -> None:
    with pytest.raises(Unknown):
        Expression(text).holds(STATE)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "().__class__.__bases__", "text.upper()", "text.upper",
        "lambda: 1", "2 ** 99", "text * 99", "'a' * 99", "f'{lag}'", "(lag := 3)", "[*nodes]",
        "{'a': 1}", "eval('1')", "open('/etc/passwd')", "len.__globals__", "nodes[0:1]",
        "primary.items", "len", "print(1)", "lag @ 2", "~lag", "b'x'", "1j", "...", "lag; lag",
        "import os", "", "max(nodes, key=len)", "sum(*nodes)", "[a for a, b in nodes]",
        "lag is 7", "'a' < 1", "1 / 0", "nodes[9]", "lagg", "primary.prot", "lag.name", "not " * 60 + "lag",
        "(" * 300 + ")" * 300, "a" * 1001,
        "[1 for a in [1,1,1,1,1,1,1,1,1,1] for b in [1,1,1,1,1,1,1,1,1,1] for c in [1,1,1,1,1,1,1,1,1,1]"
        " for d in [1,1,1,1,1,1,1,1,1,1] for e in [1,1,1,1,1,1,1,1,1,1]]",
    ],
)  # fmt: skip
def test_it_refuses(text: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        Expression(text).holds(STATE)
    assert str(raised.value)


@given(some.text(max_size=60))
def test_nothing_else_is_raised_whatever_the_text(text: str) -> None:
    with contextlib.suppress(ExpressionError, Unknown):
        Expression(text).holds(STATE)


def test_the_reason_names_what_there_is() -> None:
    with pytest.raises(ExpressionError, match="primary has no prot; it has name, port, timeline"):
        Expression("primary.prot > 1").value(STATE)
