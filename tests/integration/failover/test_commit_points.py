"""The link is cut at each point of COMMIT: the user is told what is true, and it is there once.

Every case is one request of a real Odoo, whose link to PostgreSQL a proxy cuts; in every twentieth
the primary dies as well and its synchronous replica is promoted. The verdict is compared with the
rows of the primary at the end. ``HA_TEST_COMMIT_POINTS=1000`` sets how many cases are run.
"""

from __future__ import annotations

import itertools
import os
import random
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.servers.postgres_proxy import Cut, Manner, Point

from .conftest import Publisher
from .laboratory import HOLD_S, WAITS, Laboratory

CASES = int(os.environ.get("HA_TEST_COMMIT_POINTS", "60"))
#: One of so many cases ends in a failover.
FAILOVER_EVERY = 20


@dataclass(frozen=True)
class Case:
    """A cut, and what happens then: ``nothing``, ``terminate`` (the session that waits for its
    standby is ended), ``promote`` (failover)."""

    point: Point
    manner: Manner
    then: str = "nothing"

    def __str__(self) -> str:
        return f"{self.point.name} {self.manner.name} {self.then}".lower()


QUIET = [Case(point, manner) for point, manner in itertools.product(Point, Manner)] + [
    Case(Point.WAITING, manner, "terminate") for manner in Manner
]
FAILOVERS = [Case(point, manner, "promote") for point, manner in itertools.product(Point, Manner)]


def cases(number: int) -> Iterator[Case]:
    """So many cases: each kind in turn, in a random order."""
    quiet = itertools.chain.from_iterable(
        random.sample(QUIET, len(QUIET)) for _ in itertools.count()
    )
    failovers = itertools.cycle(random.sample(FAILOVERS, len(FAILOVERS)))
    for index in range(1, number + 1):
        yield next(failovers if index % FAILOVER_EVERY == 0 else quiet)


def run(laboratory: Laboratory, case: Case) -> tuple[str, BaseException | None]:
    """Do it; return the row's token and the error that the user got."""
    pair, token = laboratory.pair, uuid.uuid4().hex
    if case.point is Point.WAITING:
        pair.stop_receiving(True)
    cut = laboratory.proxy.arm(token, case.point, case.manner)
    answer = laboratory.create(token)
    assert cut.reached.wait(15), f"{case}: no COMMIT seen: {answer}"
    if case.point is Point.WAITING:
        cut_while_it_waits(laboratory, case, cut)
    if case.then == "promote":
        laboratory.fail_over()
    elif case.manner is Manner.SILENCE:
        laboratory.new_epoch()
    error = answer.exception(timeout=HOLD_S + 30)
    laboratory.proxy.heal()
    if pair.replica is None:
        pair.follow()
    return token, error


def cut_while_it_waits(laboratory: Laboratory, case: Case, cut: Cut) -> None:
    laboratory.wait_for_commit_in_standby_wait()
    cut.now.set()
    assert cut.done.wait(5)
    if case.then == "terminate":
        primary = laboratory.pair.primary
        assert primary.terminate_backends(WAITS, [laboratory.odoo.dbname])
    if case.then != "promote":
        laboratory.pair.stop_receiving(False)


@pytest.mark.slow
def test_the_verdict_is_right_wherever_the_link_is_cut(
    resources: ExitStack, publisher: Publisher
) -> None:
    laboratory = Laboratory(resources, publisher)
    told: dict[str, tuple[Case, BaseException | None]] = {}
    for case in cases(CASES):
        token, error = run(laboratory, case)
        told[token] = (case, error)
    rows, hooks, log = laboratory.rows(), laboratory.hooks(), laboratory.odoo.log_text()
    wrong = [
        f"{case}: {rows[token]} rows, {hooks[token]} hooks, {error!r}"
        for token, (case, error) in told.items()
        if error is not None or rows[token] != 1 or hooks[token] != 1
    ]
    print(f"{len(told) - len(wrong)} of {len(told)} verdicts are right")
    assert not wrong
    assert rows.keys() == told.keys()
    assert "resolved: committed" in log and "resolved: not committed" in log
