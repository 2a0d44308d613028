"""What an audit finds."""

import itertools

import pytest
from odoo.addons.ha_attachment_s3.audit.comparison import Listed, Wanted, compare

NOW = 1000.0


def found(wanted: list[Wanted], listed: list[Listed]) -> list[tuple[str, str]]:
    return [(one.kind, one.key) for one in compare(wanted, listed, before=NOW)]


def test_each_kind() -> None:
    wanted = [Wanted("b", 1), Wanted("c", 2), Wanted("d", 3)]
    listed = [Listed("a", 9, 0), Listed("b", 1, 0), Listed("d", 4, 0), Listed("e", 1, NOW)]
    assert found(wanted, listed) == [("orphan", "a"), ("missing", "c"), ("damaged", "d")]


def test_every_combination_of_three_keys() -> None:
    keys = "abc"
    for here, there in itertools.product(itertools.product([0, 1], repeat=3), repeat=2):
        wanted = [Wanted(key, 1) for key, is_wanted in zip(keys, here, strict=True) if is_wanted]
        listed = [
            Listed(key, 1, 0) for key, is_listed in zip(keys, there, strict=True) if is_listed
        ]
        expected = [
            ("missing" if is_wanted else "orphan", key)
            for key, is_wanted, is_listed in zip(keys, here, there, strict=True)
            if is_wanted != is_listed
        ]
        assert found(wanted, listed) == expected


def test_an_order_that_would_make_it_lie_is_refused() -> None:
    with pytest.raises(ValueError, match="out of order"):
        found([], [Listed("b", 1, 0), Listed("a", 1, 0)])
    with pytest.raises(ValueError, match="out of order"):
        found([Wanted("a", 1), Wanted("a", 1)], [])
