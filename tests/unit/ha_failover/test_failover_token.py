"""Tokens of commit markers: unique, and in the order of time."""

from odoo.addons.ha_failover.marker.table import new_token


def test_a_token_rises_with_time() -> None:
    second = 1_000_000_000
    tokens = [new_token(1_800_000_000 * second + n * 2_000_000) for n in range(1000)]
    assert tokens == sorted(tokens)
    assert {token.version for token in tokens} == {7}


def test_tokens_of_one_moment_differ() -> None:
    assert len({new_token(10**18) for _ in range(1000)}) == 1000
