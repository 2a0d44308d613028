"""What clients were told against what the databases hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_setup.drill import verdicts
from ha_setup.drill.ledger import Told, reckon, told
from ha_setup.drill.verdicts import Verdict

ACKNOWLEDGED, FAILED, UNKNOWN = Told.ACKNOWLEDGED, Told.FAILED, Told.UNKNOWN


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict(record=3), ACKNOWLEDGED),
        (Verdict("http_500"), FAILED),
        (Verdict("http_502"), FAILED),
        (Verdict("rpc_error:psycopg2.OperationalError"), FAILED),
        (verdicts.WRONG_CONTENT, FAILED),
        (verdicts.CONNECTION_REFUSED, FAILED),
        (verdicts.NOT_LOGGED_IN, FAILED),
        (verdicts.TIMEOUT, UNKNOWN),
        (verdicts.DISCONNECTED, UNKNOWN),
    ],
)
def test_what_a_client_knows(verdict: Verdict, expected: Told) -> None:
    assert told(verdict) is expected


def test_all_well() -> None:
    found = reckon({"a": ACKNOWLEDGED, "b": FAILED}, {"a": 1}, {"pg2": {"a": 1}, "pg3": {"a": 1}})
    assert found.acknowledged == 1
    assert not (found.lost)
    assert not (found.duplicates)
    assert not (found.ghosts)
    assert not (found.disagreements)


def test_lost() -> None:
    assert reckon({"a": ACKNOWLEDGED, "b": ACKNOWLEDGED}, {"b": 1}, {}).lost == ("a",)


def test_a_row_that_counts_zero_is_absent() -> None:
    assert reckon({"a": ACKNOWLEDGED}, {"a": 0}, {}).lost == ("a",)


@pytest.mark.parametrize("what", list(Told))
def test_duplicates_whatever_the_client_was_told(what: Told) -> None:
    assert reckon({"a": what}, {"a": 2}, {}).duplicates == ("a",)


def test_a_duplicate_is_not_lost() -> None:
    assert reckon({"a": ACKNOWLEDGED}, {"a": 2}, {}).lost == ()


def test_ghosts() -> None:
    found = reckon({"a": FAILED, "b": FAILED, "c": UNKNOWN}, {"a": 1, "c": 1}, {})
    assert found.ghosts == ("a",)


def test_a_row_that_nobody_sent_is_a_ghost() -> None:
    assert reckon({}, {"stranger": 1}, {}).ghosts == ("stranger",)


def test_doubt_is_right_either_way() -> None:
    found = reckon({"a": UNKNOWN, "b": UNKNOWN}, {"a": 1}, {})
    assert (found.doubtful_committed, found.doubtful_absent) == (("a",), ("b",))
    assert not (found.lost)
    assert not (found.ghosts)
    assert not (found.duplicates)


@pytest.mark.parametrize("replica", [{}, {"a": 2}, {"a": 1, "b": 1}])
def test_replicas_that_differ(replica: dict[str, int]) -> None:
    found = reckon({"a": ACKNOWLEDGED}, {"a": 1}, {"pg2": {"a": 1}, "pg3": replica})
    assert list(found.disagreements) == ["pg3"]
    assert found.disagreements["pg3"] == (("b",) if "b" in replica else ("a",))


def test_a_replica_that_could_not_be_read_is_said() -> None:
    assert reckon({}, {}, {"pg3": None}).disagreements == {"pg3": None}


tokens = st.text("abcdef", min_size=1, max_size=2)


@given(st.dictionaries(tokens, st.sampled_from(Told)), st.dictionaries(tokens, st.integers(0, 3)))
def test_every_token_has_one_place(ledger: dict[str, Told], rows: dict[str, int]) -> None:
    found = reckon(ledger, rows, {"same": dict(rows)})
    assert not found.disagreements
    present = {token for token, count in rows.items() if count}
    acknowledged = {token for token, what in ledger.items() if what is ACKNOWLEDGED}
    assert set(found.lost) == acknowledged - present
    assert not set(found.lost) & set(found.ghosts)
    assert set(found.doubtful_committed).isdisjoint(found.ghosts)
    accounted = {*acknowledged, *found.ghosts, *found.doubtful_committed}
    assert present <= accounted
