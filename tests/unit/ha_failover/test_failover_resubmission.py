"""The key of a request, its tokens, and the answer that is kept beside them."""

from hypothesis import given
from hypothesis import strategies as st
from odoo.addons.ha_failover.resubmission import answer, key

KEY = key.request_key("id", "session", "POST", "/path")
assert KEY is not None


def test_without_an_id_there_is_no_key() -> None:
    assert key.request_key(None, "session") is None
    assert key.request_key("", "session") is None
    assert key.request_key("x" * 1000, "session") is None


def test_each_part_of_the_scope_tells_requests_apart() -> None:
    keys = {
        key.request_key("id", *scope)
        for scope in (("ab", "c"), ("a", "bc"), ("abc", ""), ("abc",), ("", "abc"))
    }
    assert len(keys) == 5


@given(st.integers(0, key.TOKENS), st.booleans())
def test_the_first_token_that_is_not_resolved_is_the_next(resolved: int, committed: bool) -> None:
    rows = {key.token(KEY, number): True for number in range(resolved)}
    if committed and resolved < key.TOKENS:
        rows[key.token(KEY, resolved)] = False
    assert key.generation(KEY, rows) == (resolved, committed and resolved < key.TOKENS)


@given(
    st.integers(200, 599),
    st.lists(st.tuples(st.sampled_from(["X-A", "Content-Type"]), st.text())),
    st.binary(),
)
def test_an_answer_comes_back_as_it_was(
    status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    kept = answer.encode(status, headers, body, session_cookie="sid")
    assert kept is not None
    assert answer.decode(kept) == (status, headers, body)


def test_no_cookie_is_kept_and_no_answer_that_hands_out_a_session() -> None:
    refreshed = [("Set-Cookie", "session_id=sid; Path=/"), ("Set-Cookie", "lang=en")]
    kept = answer.encode(200, refreshed, b"", session_cookie="sid")
    assert kept is not None
    assert answer.decode(kept) == (200, [], b"")
    assert answer.encode(200, refreshed, b"", session_cookie="other") is None


def test_a_large_answer_is_not_kept() -> None:
    assert answer.encode(200, [], b"x" * (answer.LARGEST_BODY + 1), session_cookie=None) is None
