"""Who could take over now, and what would be lost."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ha_sidecar.outlook import Replica, is_candidate, outlook

LEVEL = Replica("pg2", 3, streams=True, synchronous=True, barred=False, missing_bytes=0)
BEHIND = replace(LEVEL, name="pg3", synchronous=False, missing_bytes=500)


def test_synchronous_replication_loses_nothing() -> None:
    assert outlook([BEHIND, LEVEL], 3, synchronous=True) == {
        "candidates": ["pg2"], "data_loss": "none", "loss_bytes": 0
    }  # fmt: skip


def test_a_synchronous_candidate_that_has_to_replay_still_loses_nothing() -> None:
    busy = replace(LEVEL, missing_bytes=1 << 30)
    assert outlook([busy], 3, synchronous=True)["data_loss"] == "none"


def test_without_a_synchronous_replica_nobody_is_promoted() -> None:
    assert outlook([BEHIND], 3, synchronous=True) == {
        "candidates": [], "data_loss": "no failover", "loss_bytes": None
    }  # fmt: skip


def test_asynchronous_replication_loses_what_the_fittest_lacks() -> None:
    found = outlook([BEHIND, replace(LEVEL, missing_bytes=20)], 3, synchronous=False)
    assert found == {"candidates": ["pg2", "pg3"], "data_loss": "likely", "loss_bytes": 20}
    assert outlook([LEVEL], 3, synchronous=False)["data_loss"] == "possible"
    unknown = outlook([replace(LEVEL, missing_bytes=None)], 3, synchronous=False)
    assert (unknown["data_loss"], unknown["loss_bytes"]) == ("unknown", None)
    assert outlook([], 3, synchronous=False)["data_loss"] == "no failover"


@pytest.mark.parametrize(
    "unfit",
    [{"streams": False}, {"barred": True}, {"timeline": 2}, {"timeline": 4}],
)
def test_who_is_no_candidate(unfit: dict[str, int]) -> None:
    assert not is_candidate(replace(LEVEL, **unfit), 3, synchronous=False)  # type: ignore[arg-type]


def test_nothing_lost_is_only_said_of_a_synchronous_candidate() -> None:
    """The invariant, over all combinations."""
    for timeline, streams, sync, barred, lag, mode in itertools.product(
        (2, 3, None), (True, False), (True, False), (True, False), (None, 0, 9), (True, False)
    ):
        one = Replica("pg2", timeline, streams, sync, barred, lag)
        found = outlook([one], 3, synchronous=mode)
        assert (found["data_loss"] == "none") == (
            mode and sync and streams and not barred and timeline != 2
        )
        assert bool(found["candidates"]) == (found["data_loss"] != "no failover")
