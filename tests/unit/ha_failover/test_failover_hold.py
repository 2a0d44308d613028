"""The gate's decision: its table, row by row, and its invariant."""

from hypothesis import given
from hypothesis import strategies as st
from odoo.addons.ha_failover.gate.hold import (
    RETRY_MOST,
    Decision,
    Inside,
    decide,
    retry_pause,
)
from odoo.addons.ha_failover.topology.document import Server, Topology

PRIMARY = Server("pg1", "10.0.0.1", 5432, 3)


def topology(state: str, primary: Server | None = PRIMARY) -> Topology:
    return Topology(7, state, primary, 0.0, {})


def test_a_fresh_writable_topology_names_the_server() -> None:
    assert decide(topology("stable"), now=1, deadline=2) == Decision("connect", PRIMARY, 7)


def test_a_switching_or_lost_topology_holds() -> None:
    for state in ("switching", "lost"):
        assert decide(topology(state), now=1, deadline=2).action == "wait"
    assert decide(topology("stable", None), now=1, deadline=2).action == "wait"


def test_what_is_open_may_open_more_while_a_switchover_holds() -> None:
    beside = Inside(PRIMARY, 7)
    chosen = Decision("connect", PRIMARY, 7)
    assert decide(topology("switching"), now=1, deadline=2, inside=beside) == chosen
    assert decide(topology("switching", None), now=1, deadline=2, inside=beside) == chosen
    assert decide(topology("lost"), now=1, deadline=2, inside=beside).action == "wait"
    older = Inside(PRIMARY, 6)
    assert decide(topology("switching"), now=1, deadline=2, inside=older).action == "wait"


def test_without_a_topology_libpq_chooses() -> None:
    assert decide(None, now=1, deadline=2) == Decision("connect")


def test_the_budget_ends_every_wait() -> None:
    for known in (None, topology("stable"), topology("lost")):
        assert decide(known, now=2, deadline=2).action == "give_up"


topologies = st.none() | st.builds(
    topology,
    st.sampled_from(["stable", "switching", "lost"]),
    st.none() | st.just(PRIMARY),
)


@given(topologies, st.floats(0, 10), st.floats(0, 10))
def test_with_a_topology_nobody_connects_but_to_its_primary(
    known: Topology | None, now: float, deadline: float
) -> None:
    decision = decide(known, now=now, deadline=deadline)
    if known is not None and decision.action == "connect":
        assert decision.server is not None and decision.server == known.primary
        assert known.state == "stable"


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_to_their_bound(attempt: int, jitter: float) -> None:
    assert 0 < retry_pause(attempt, jitter) <= RETRY_MOST
